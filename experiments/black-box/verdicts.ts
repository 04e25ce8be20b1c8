// The claims of the post, each held against what was found here.
import { quantile } from '../lab/analysis/statistics.ts'
import type { AnalysedLayer, CategoryStatistics, Verdict } from '../lab/analysis/layer-analysis.ts'

/**
 * The claims of the post, each held against the numbers at hand. A claim that is true of the raw numbers is asked a
 * second time with the size of activations held still: what then is gone held only because everything grows.
 */
export function verdicts(layers: readonly AnalysedLayer[]): Verdict[] {
  if (layers.length === 0) return []
  return [
    riseVerdict(layers, {
      claim: 'Peaks rise with depth in every category',
      what: 'The peak activation',
      value: ({ categories }, name) => categories[name].peak?.value ?? 0,
      byNorm: ({ statistics }, name) => statistics.categories[name].peak_by_norm ?? 0,
    }),
    riseVerdict(layers, {
      claim: 'Aggregates rise with depth in every category',
      what: 'The sum of the five strongest features',
      value: ({ categories }, name) => categories[name].aggregate_top5,
      byNorm: ({ statistics }, name) => statistics.categories[name].aggregate_by_norm ?? 0,
    }),
    specialistVerdict(layers),
    specialisationVerdict(layers),
  ]
}

interface Rise {
  readonly claim: string
  readonly what: string
  readonly value: (layer: AnalysedLayer, category: string) => number
  /** The same, divided by the stream's length. */
  readonly byNorm: (layer: AnalysedLayer, category: string) => number
}

/** What a claim that a number rises is decided by, for a run of layers. */
interface RiseFacts {
  readonly status: Verdict['status']
  readonly categories: number
  /** The categories that stand still or fall, with the steps at which they do. */
  readonly falls: readonly string[]
  /** From the first layer to the last: of the number and of the stream, which is null where its length is not known. */
  readonly growth: string
  readonly streamGrowth: number | null
  /** In how many categories the number still rises from the first layer to the last, divided by the stream's length. */
  readonly left: number
}

/** The raw number must rise at every step; divided by the stream's length, from the first layer to the last. */
function riseFacts(layers: readonly AnalysedLayer[], { value, byNorm }: Rise): RiseFacts {
  const [first, last] = [layers[0], layers[layers.length - 1]]
  const names = Object.keys(first.categories)
  const falls = names.flatMap((name) => fallsOf(layers, name, value))
  const [before, after] = [first, last].map(({ statistics }) => statistics.stream_norm)
  const streamGrowth = before === null || after === null ? null : after / before
  const left = names.filter((name) => byNorm(last, name) > byNorm(first, name)).length
  const isReal = streamGrowth === null || 2 * left > names.length
  return {
    status: falls.length > 0 ? 'does not hold' : isReal ? 'holds' : ONLY_GROWTH,
    ...{ categories: names.length, falls, growth: medianGrowth(first, last, value), streamGrowth, left },
  }
}

function riseVerdict(layers: readonly AnalysedLayer[], rise: Rise): Verdict {
  const { claim, what } = rise
  if (layers.length === 1) return oneLayer(claim)
  const facts = riseFacts(layers, rise)
  const { status, categories, falls, streamGrowth } = facts
  const steps =
    `${what} rises at every step from ${span(layers)} in ${categories - falls.length} of ${categories} categories` +
    (falls.length > 0 ? `; it stands still or falls in ${falls.join(', ')}` : '')
  if (streamGrowth === null) {
    const unknown = 'the length of the stream is not known, so growth of everything cannot be told apart'
    return { claim, status, detail: `${steps}; ${unknown}.` }
  }
  const detail =
    `${steps}. From the first layer to the last it grows ${facts.growth}, while the stream that the SAEs read grows ` +
    `${times(streamGrowth)}; divided by the stream’s length it still rises in ${facts.left} of ${categories} categories.`
  return { claim, status, detail: detail + riseLean(layers, rise, facts) }
}

/** What becomes of a rise without the first layer, where that is something else: layer 0 is the bare embedding. */
function riseLean(layers: readonly AnalysedLayer[], rise: Rise, all: RiseFacts): string {
  if (layers.length < 3) return ''
  const later = riseFacts(layers.slice(1), rise)
  const most = ({ left, categories }: RiseFacts): boolean => 2 * left > categories
  if (later.streamGrowth === null || (later.status === all.status && most(later) === most(all))) return ''
  return (
    `${leansOn(layers)} it grows ${later.growth}, the stream ${times(later.streamGrowth)}, and divided by the stream’s ` +
    `length it rises in ${later.left} of ${later.categories} categories${thenStatus(all.status, later.status)}.`
  )
}

const leansOn = ([first, second]: readonly AnalysedLayer[]): string =>
  ` That leans on layer ${first.layer}: from layer ${second.layer} on`

const thenStatus = (all: Verdict['status'], later: Verdict['status']): string =>
  later === all ? '' : `, and the claim ${later}`

const ONLY_GROWTH = 'holds only because everything grows'

/** The category with the steps at which its number does not rise, or nothing. */
function fallsOf(layers: readonly AnalysedLayer[], name: string, value: Rise['value']): string[] {
  const steps = layers.slice(1).flatMap((to, i) => {
    const from = layers[i]
    return value(to, name) > value(from, name) ? [] : [`${from.layer} to ${to.layer}`]
  })
  return steps.length > 0 ? [`${name} (layer ${steps.join(', ')})`] : []
}

function medianGrowth(first: AnalysedLayer, last: AnalysedLayer, value: Rise['value']): string {
  const growth = Object.keys(first.categories)
    .map((name) => value(last, name) / value(first, name))
    .filter(Number.isFinite)
    .sort((a, b) => a - b)
  return growth.length > 0 ? `${times(quantile(growth, 0.5))} (median)` : 'from nothing'
}

/** In the deepest layer, every category must have a feature whose score is beyond chance. */
function specialistVerdict(layers: readonly AnalysedLayer[]): Verdict {
  const last = layers[layers.length - 1]
  const { categories, permutations } = last.statistics
  const scored = Object.entries(categories).sort(([, a], [, b]) => b.score.value - a.score.value)
  const beyond = scored.filter(([, { score }]) => !score.within_chance)
  const within = scored.filter(([, { score }]) => score.within_chance)
  const positive = Object.values(last.categories).filter(({ specialist }) => (specialist?.score ?? 0) > 0)
  const told = Object.values(categories).filter(({ auroc }) => auroc && !auroc.within_chance)
  const all = scored.length
  const shortlist =
    `At layer ${last.layer ?? '?'}, ${positive.length} of ${all} categories have a score above 0 among their five strongest features. ` +
    `Searching all features, ${beyond.length} of ${all} ${beyond.length === 1 ? 'has' : 'have'} a score that shuffled categories hardly reach ` +
    `(p ≤ 0.05 over ${permutations} shuffles, corrected for ${all} categories): ${list(beyond, ({ score }) => String(score.value))}`
  const rest = list(within, ({ score }) => `${score.value} (chance reaches ${score.chance_q95})`)
  const byLayer = layers.map(
    ({ statistics }) =>
      Object.values(statistics.categories).filter(({ score }) => !score.within_chance).length,
  )
  const detail =
    `${shortlist}${within.length > 0 ? `; within chance: ${rest}` : ''}. ` +
    (layers.length > 1 ? `Beyond chance by layer: ${byLayer.join(', ')} of ${all}. ` : '') +
    `Without a threshold, by AUROC: ${told.length} of ${all}.`
  return {
    claim: 'Every category has a specialist feature',
    status: within.length === 0 ? 'holds' : 'does not hold',
    detail,
  }
}

const list = (
  categories: readonly [string, CategoryStatistics][],
  say: (category: CategoryStatistics) => string,
): string => categories.map(([name, category]) => `${name} ${say(category)}`).join(', ') || 'none'

/** The scores, added up, must rise from the first layer to the last, and most of the rise be left at equal pairs. */
function specialisationVerdict(layers: readonly AnalysedLayer[]): Verdict {
  const claim = 'Specialisation rises with depth'
  if (layers.length === 1) return oneLayer(claim)
  const sums = layers.map(({ statistics }) => statistics.sum_best_scores.observed)
  const equal = layers.map(({ statistics }) => statistics.equal_pairs?.sum_best_scores ?? 0)
  const chance = layers.map(({ statistics }) => statistics.sum_best_scores.chance.mean.toFixed(0))
  const pairs = layers.map(({ pairs_above_threshold: count }) => count)
  const status = specialisationStatus(sums, equal)
  const detail =
    `The best scores of the categories add up to ${sums.join(', ')} from ${span(layers)} (chance gives ${chance.join(', ')}), ` +
    `while ${pairs.join(', ')} pairs of text and feature are above the threshold; ` +
    `at equal numbers of pairs they add up to ${equal.join(', ')}.`
  const later = layers.length < 3 ? status : specialisationStatus(sums.slice(1), equal.slice(1))
  const lean =
    later === status
      ? ''
      : `${leansOn(layers)} they go from ${sums[1]} to ${sums.at(-1)}, and at equal pairs from ${equal[1]} to ${equal.at(-1)}` +
        `${thenStatus(status, later)}.`
  return { claim, status, detail: detail + lean }
}

function specialisationStatus(sums: readonly number[], equal: readonly number[]): Verdict['status'] {
  const [rise, left] = [sums, equal].map((series) => series[series.length - 1] - series[0])
  if (rise <= 0) return 'does not hold'
  return 2 * left > rise ? 'holds' : ONLY_GROWTH
}

const oneLayer = (claim: string): Verdict => ({
  claim,
  status: 'not tested',
  detail: 'It takes two layers at least.',
})

const span = (layers: readonly AnalysedLayer[]): string =>
  `layer ${layers[0].layer} to ${layers[layers.length - 1].layer}`

const times = (factor: number): string => `${factor.toFixed(1)}-fold`

/** A verdict as a line: `Peaks rise with depth in every category: does not hold. The peak ...` */
export function showVerdict({ claim, status, detail }: Verdict): string {
  return `${claim}: ${status}. ${detail}`
}
