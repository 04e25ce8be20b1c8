// Whether a layer's numbers mean anything: what chance gives, and what is left when sizes are held fixed.
import { setImmediate } from 'node:timers/promises'
import type { SparseRows } from '../../../engine/sparse.ts'
import { createProgress } from '../cli/progress.ts'
import { holm, percentileInterval, permutationPValue, SIGNIFICANT, sum } from './statistics.ts'
import { aurocNull, bestAurocs, rankColumns } from './auroc.ts'
import { bootstrap, intervalsOf, resampleScores, type Resampled } from './bootstrap.ts'
import { columnsAbove, labelsOf } from './columns.ts'
import { thresholdCurve, thresholdForPairs } from './confound.ts'
import type { Category } from './input.ts'
import { chanceScore, meanAndQ95, scoreNeeded, scorePValue, searchAt, type Draws } from './null-model.ts'
import type {
  AnalysedLayer,
  CategoryStatistics,
  LayerAnalysis,
  LayerQuality,
  LayerStatistics,
  Rise,
  Step,
  Tested,
} from './layer-analysis.ts'
import { ofCategory } from './by-category.ts'

/** A layer's numbers and what they were made from. */
export interface LayerInput {
  readonly analysis: LayerAnalysis
  /** Token-mean SAE activations, sparse [texts, d_sae]. */
  readonly means: SparseRows
  /** Mean length of the SAE's input vectors; null if it is not known. */
  readonly streamNorm: number | null
  readonly quality?: LayerQuality
  /** For each feature the token on which it fires most, if tokens are available. */
  readonly tokens?: ReadonlyMap<number, string>
}

/**
 * The layers' analyses with the statistics that `layer-analysis.ts` describes. All layers see the same shuffles and the same
 * resampled texts. `categories` are those that the layers were analysed with.
 */
export function withStatistics(
  layers: readonly LayerInput[],
  categories: readonly Category[],
  draws: Draws,
): AnalysedLayer[] {
  const work = statisticsInParts(layers, categories, draws)
  let part = work.next()
  while (!part.done) part = work.next()
  return part.value
}

/** The parts of the work on one layer, each of about the same length. */
const PARTS = 6

/** The same with progress, and with a chance for Ctrl-C between the parts of the work: with thousands of texts it takes a minute. */
export async function withStatisticsShown(
  layers: readonly LayerInput[],
  categories: readonly Category[],
  draws: Draws,
  quiet: boolean,
): Promise<AnalysedLayer[]> {
  const total = PARTS * layers.length
  using progress = createProgress({ label: 'statistics', total, unit: 'parts', quiet })
  const work = statisticsInParts(layers, categories, draws)
  for (;;) {
    const part = work.next()
    if (part.done) return part.value
    progress.step()
    await setImmediate()
  }
}

function* statisticsInParts(
  layers: readonly LayerInput[],
  categories: readonly Category[],
  draws: Draws,
): Generator<void, AnalysedLayer[]> {
  const fewest = Math.min(...layers.map(({ analysis }) => analysis.pairs_above_threshold))
  const studies: Study[] = []
  for (const layer of layers) studies.push(yield* studyLayer(layer, categories, draws))
  const found: AnalysedLayer[] = []
  for (const [i, layer] of layers.entries()) {
    const equalPairs = layers.length > 1 ? fewest : null
    const statistics = yield* layerStatistics(layer, categories, draws, equalPairs, studies.slice(i))
    const feature_tokens = tokensOf(layer, statistics)
    found.push({ ...layer.analysis, statistics, quality: layer.quality ?? null, feature_tokens })
  }
  return found
}

/** The tokens of all features that the analysis or its statistics name. */
function tokensOf({ analysis, tokens }: LayerInput, { categories }: LayerStatistics): Record<string, string> {
  const named = [
    ...Object.keys(analysis.firing_texts).map(Number),
    ...analysis.categories.flatMap(({ full_search }) => full_search.features),
    ...categories.flatMap(({ auroc }) => auroc?.feature ?? []),
  ]
  const known = named.flatMap((feature) => {
    const token = tokens?.get(feature)
    return token === undefined ? [] : [[feature, token] as const]
  })
  return Object.fromEntries(known)
}

/** A layer's results draw by draw; the same draw has the same labels, or the same texts, in every layer. */
function* studyLayer(
  { analysis, means }: LayerInput,
  categories: readonly Category[],
  draws: Draws,
): Generator<void, Study> {
  const search = searchAt(means, analysis.threshold, labelsOf(categories), categories.length, draws)
  yield
  const resampled = bootstrap(means, categories, draws)
  yield
  const chosen = categories.map(({ name }) =>
    ofCategory(analysis.categories, name).full_search.features.at(0),
  )
  const columns = columnsAbove(means, analysis.threshold)
  const resampledSums = resampleScores(columns, chosen, categories, draws)
  yield
  return { search, resampled, resampledSums }
}

interface Study {
  readonly search: ReturnType<typeof searchAt>
  readonly resampled: readonly Resampled[]
  readonly resampledSums: Float64Array
}

/** How the best scores, added up, change from one layer to another. */
function riseBetween(from: Study, to: Study): Rise {
  const value = to.search.sum - from.search.sum
  const shuffled = minus(to.search.sums, from.search.sums)
  const reached = shuffled.filter((one) => one >= value).length
  return {
    value,
    p: permutationPValue(reached, shuffled.length),
    interval: percentileInterval(minus(to.resampledSums, from.resampledSums)),
  }
}

/** Whether a number rises from one layer to the next. [resamples] each, the same texts at the same place */
function stepBetween(from: Float64Array, to: Float64Array): Step {
  const rises = minus(to, from).filter((step) => step > 0).length
  const draws = from.length
  return { p_rise: permutationPValue(draws - rises, draws), p_fall: permutationPValue(rises, draws) }
}

const minus = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, draw) => value - b[draw])

function* layerStatistics(
  { analysis, means, streamNorm }: LayerInput,
  categories: readonly Category[],
  draws: Draws,
  fewestPairs: number | null,
  [study, ...later]: readonly Study[],
): Generator<void, LayerStatistics> {
  const labels = labelsOf(categories)
  const search = (threshold: number) => searchAt(means, threshold, labels, categories.length, draws)
  const scores = testScores(study.search, categories)
  const aurocs = testAurocs(means, labels, categories, draws)
  yield
  const intervals = study.resampled.map(intervalsOf)
  const step = (c: number, of: keyof Resampled) =>
    later.length > 0 ? stepBetween(study.resampled[c][of], later[0].resampled[c][of]) : null
  const equalThreshold = fewestPairs === null ? null : thresholdForPairs(means, fewestPairs)
  const equal = equalThreshold === null ? null : search(equalThreshold)
  yield
  const curve = thresholdCurve(means, labels, categories.length, draws.seed)
  yield
  const byNorm = (value: number | undefined): number | null =>
    value === undefined || streamNorm === null ? null : value / streamNorm
  const statistics = categories.map(({ name, rows }, c): CategoryStatistics => {
    const { peak, aggregate_top5 } = ofCategory(analysis.categories, name)
    return {
      category: name,
      texts: rows.length,
      score: scores.categories[c],
      auroc: aurocs[c],
      peak_interval: intervals[c]?.peak ?? null,
      aggregate_interval: intervals[c]?.aggregate ?? null,
      peak_step: step(c, 'peaks'),
      aggregate_step: step(c, 'aggregates'),
      peak_by_norm: byNorm(peak?.value),
      aggregate_by_norm: byNorm(aggregate_top5),
      equal_pairs_score: equal?.best[c] ?? null,
    }
  })
  return {
    ...draws,
    stream_norm: streamNorm,
    sum_best_scores: scores.sum,
    rise_to_last: later.length > 0 ? riseBetween(study, later[later.length - 1]) : null,
    equal_pairs: equal && {
      ...{ pairs: equal.pairs, threshold: equalThreshold!, sum_best_scores: equal.sum, chance: equal.chance },
    },
    threshold_curve: curve,
    categories: statistics,
  }
}

/** Adds the correction for several tests. */
function tested(pValues: readonly number[]): Tested[] {
  return holm(pValues).map((corrected, i) => ({
    p: pValues[i],
    p_corrected: corrected,
    within_chance: corrected > SIGNIFICANT,
  }))
}

function testScores(
  { best, counts, sums, ...found }: ReturnType<typeof searchAt>,
  categories: readonly Category[],
) {
  const all = sum(categories.map(({ rows }) => rows.length))
  const tests = tested(best.map((score, c) => scorePValue(counts[c], score)))
  const reached = sums.filter((one) => one >= found.sum).length
  const beyond = tests.filter((test) => !test.within_chance).length
  // Holm: the other categories that are beyond chance no longer count.
  const neededFor = (c: number) => {
    const count = tests.length - (beyond - (tests[c].within_chance ? 0 : 1))
    return scoreNeeded(counts[c], categories[c].rows.length, all, count)
  }
  return {
    categories: tests.map((test, c) => ({
      value: best[c],
      ...test,
      needed: neededFor(c),
      chance_q95: chanceScore(counts[c]),
      null_scores: counts[c],
    })),
    sum: { observed: found.sum, chance: found.chance, p: permutationPValue(reached, sums.length) },
  }
}

function testAurocs(means: SparseRows, labels: Uint32Array, categories: readonly Category[], draws: Draws) {
  const sizes = categories.map(({ rows }) => rows.length)
  const columns = rankColumns(columnsAbove(means, 0), labels.length, sizes)
  const best = bestAurocs(columns, labels, sizes)
  const nulls = aurocNull(columns, labels, sizes, draws)
  const pValues = best.map((one, c) => {
    const reached = one ? nulls[c].filter((value) => value >= one.value).length : draws.permutations
    return permutationPValue(reached, draws.permutations)
  })
  const tests = tested(pValues)
  return best.map((one, c) => one && { ...one, ...tests[c], chance_q95: meanAndQ95(nulls[c]).q95 })
}
