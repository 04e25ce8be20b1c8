import type { SparseRows } from '../../../engine/sparse.ts'
import { holm, permutationPValue } from './statistics.ts'
import { aurocNull, bestAurocs, rankColumns } from './auroc.ts'
import { bootstrap } from './bootstrap.ts'
import { columnsAbove, labelsOf } from './columns.ts'
import { thresholdCurve, thresholdForPairs } from './confound.ts'
import type { Category } from './input.ts'
import { bestScores, chanceScore, meanAndQ95, scoreNull, scorePValue, type Draws } from './null-model.ts'
import type {
  AnalysedLayer,
  CategoryStatistics,
  LayerAnalysis,
  LayerQuality,
  LayerStatistics,
  Tested,
} from './layer-analysis.ts'

/** A layer's figures and what they were made from. */
export interface LayerInput {
  readonly analysis: LayerAnalysis
  /** Token-mean SAE activations, sparse [texts, d_sae]. */
  readonly means: SparseRows
  /** Mean length of the SAE's input vectors; null where it is not known. */
  readonly streamNorm: number | null
  readonly quality?: LayerQuality
}

/** A test's p-value above this, corrected for the number of tests, is called within chance. */
const SIGNIFICANT = 0.05

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

/**
 * The layers' figures with the statistics that `layer-analysis.ts` describes. All layers see the same shuffles and the same
 * resampled texts. `categories` are those that the layers were analysed with.
 */
export function withStatistics(
  layers: readonly LayerInput[],
  categories: readonly Category[],
  draws: Draws,
): AnalysedLayer[] {
  const fewest = Math.min(...layers.map(({ analysis }) => analysis.pairs_above_threshold))
  return layers.map((layer) => {
    const equalPairs = layers.length > 1 ? fewest : null
    const statistics = layerStatistics(layer, categories, draws, equalPairs)
    return { ...layer.analysis, statistics, quality: layer.quality ?? null }
  })
}

function layerStatistics(
  { analysis, means, streamNorm }: LayerInput,
  categories: readonly Category[],
  draws: Draws,
  fewestPairs: number | null,
): LayerStatistics {
  const labels = labelsOf(categories)
  const scores = testScores(means, labels, categories, analysis.threshold, draws)
  const aurocs = testAurocs(means, labels, categories, draws)
  const intervals = bootstrap(means, categories, draws)
  const equal = fewestPairs === null ? null : atEqualPairs(means, labels, categories, fewestPairs, draws)
  const byNorm = (value: number | undefined): number | null =>
    value === undefined || streamNorm === null ? null : value / streamNorm
  const statistics = categories.map(({ name }, c): [string, CategoryStatistics] => [
    name,
    {
      score: scores.categories[c],
      auroc: aurocs[c],
      peak_interval: intervals[c]?.peak ?? null,
      aggregate_interval: intervals[c]?.aggregate ?? null,
      peak_by_norm: byNorm(analysis.categories[name].peak?.value),
      aggregate_by_norm: byNorm(analysis.categories[name].aggregate_top5),
      equal_pairs_score: equal?.scores[c] ?? null,
    },
  ])
  return {
    ...draws,
    stream_norm: streamNorm,
    sum_best_scores: scores.sum,
    equal_pairs: equal?.figures ?? null,
    threshold_curve: thresholdCurve(means, labels, categories.length, draws.seed),
    categories: Object.fromEntries(statistics),
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
  means: SparseRows,
  labels: Uint32Array,
  categories: readonly Category[],
  threshold: number,
  draws: Draws,
) {
  const columns = columnsAbove(means, threshold)
  const best = bestScores(columns, labels, categories.length)
  const { counts, sums } = scoreNull(columns, labels, categories.length, draws)
  const tests = tested(best.map((score, c) => scorePValue(counts[c], score)))
  const observed = sum(best)
  const reached = sums.filter((one) => one >= observed).length
  return {
    categories: tests.map((test, c) => ({
      value: best[c],
      ...test,
      chance_q95: chanceScore(counts[c]),
      null_scores: [...counts[c]],
    })),
    sum: { observed, chance: meanAndQ95(sums), p: permutationPValue(reached, draws.permutations) },
  }
}

function testAurocs(means: SparseRows, labels: Uint32Array, categories: readonly Category[], draws: Draws) {
  const sizes = categories.map(({ rows }) => rows.length)
  const columns = rankColumns(columnsAbove(means, 0), labels.length)
  const best = bestAurocs(columns, labels, sizes)
  const nulls = aurocNull(columns, labels, sizes, draws)
  const pValues = best.map((one, c) => {
    const reached = one ? nulls[c].filter((value) => value >= one.value).length : draws.permutations
    return permutationPValue(reached, draws.permutations)
  })
  const tests = tested(pValues)
  return best.map((one, c) => one && { ...one, ...tests[c], chance_q95: meanAndQ95(nulls[c]).q95 })
}

function atEqualPairs(
  means: SparseRows,
  labels: Uint32Array,
  categories: readonly Category[],
  fewestPairs: number,
  draws: Draws,
) {
  const threshold = thresholdForPairs(means, fewestPairs)
  const columns = columnsAbove(means, threshold)
  const scores = bestScores(columns, labels, categories.length)
  const { sums } = scoreNull(columns, labels, categories.length, draws)
  const pairs = sum(columns.map(({ texts }) => texts.length))
  return { scores, figures: { pairs, threshold, sum_best_scores: sum(scores), chance: meanAndQ95(sums) } }
}
