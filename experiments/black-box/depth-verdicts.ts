// The claims that something rises with depth: beyond chance, beyond the choice of texts, beyond the growth of everything.
import { holm, jointLevel, quantile, SIGNIFICANT, tooFewToResample } from '../lab/analysis/statistics.ts'
import type { AnalysedLayer, CategoryStatistics, Verdict } from '../lab/analysis/layer-analysis.ts'
import { count, showSigned } from '../lab/report/numbers.ts'
import { categoriesOf } from '../lab/texts/texts.ts'

/**
 * The rule for a number that is claimed to rise with depth in every category. The claim is about all steps at once: from each
 * layer to the next, in each category.
 * - It holds where every step rises in 95 % of the resampled texts. Each step must pass by itself, and a claim that is false
 *   has a step that passes in 5 % of the cases at most: nothing is corrected for the number of steps (an intersection-union
 *   test, Berger 1982). Divided by the stream's length it must still rise, from the first layer to the last, in most
 *   categories; else it holds only because everything grows.
 * - It does not hold where at least one step falls or stays level. One of many steps may do so by chance: here p is
 *   corrected for their number (Holm).
 * - Else it cannot be told. No step may count that could not have come out both ways: a category takes enough texts, and
 *   a fall enough resamples, for a corrected p to reach 0.05.
 */

/** A number that is claimed to rise with depth in every category. */
interface RisingNumber {
  readonly claim: string
  readonly what: string
  readonly value: (layer: AnalysedLayer, category: string) => number
  /** The same, divided by the stream's length. */
  readonly byNorm: (layer: AnalysedLayer, category: string) => number
  /** The resampled texts' verdict on the step to the next layer. */
  readonly step: (category: CategoryStatistics) => CategoryStatistics['peak_step']
}

/** The facts that decide a claim that a number rises, for a run of layers. */
interface RiseFacts {
  readonly status: Verdict['status']
  readonly categories: number
  /** The categories that fall or stay level, with the steps at which they do. */
  readonly falls: readonly string[]
  /** From the first layer to the last: of the number and of the stream, which is null where its length is not known. */
  readonly growth: string
  readonly streamGrowth: number | null
  /** In how many categories the number, divided by the stream's length, still rises from the first layer to the last. */
  readonly left: number
  readonly steps: Steps
}

/** How many steps from layer to layer there are, over all categories, and what the resampled texts say about them. */
interface Steps {
  readonly all: number
  readonly rise: number
  readonly fall: number
  /** The fewest texts of a category, and how many are needed, if resamples of so few say nothing. */
  readonly tooFew: { readonly texts: number; readonly needed: number } | null
  /** How many resamples are needed for one fall's corrected p to reach 0.05. */
  readonly resamplesNeeded: number
}

function stepsOf(layers: readonly AnalysedLayer[], step: RisingNumber['step']): Steps {
  const from = layers.slice(0, -1).flatMap(({ statistics }) => statistics.categories)
  const level = jointLevel(from.length)
  const told = from.filter(({ texts }) => !tooFewToResample([texts], level)).map((one) => step(one)!)
  // A step on which these texts cannot decide is also a test: one that says nothing.
  const untold = from.slice(told.length).map(() => 1)
  const falls = holm([...told.map(({ p_fall }) => p_fall), ...untold])
  const texts = Math.min(...from.map((one) => one.texts))
  return {
    all: from.length,
    rise: told.filter(({ p_rise }) => p_rise <= SIGNIFICANT).length,
    fall: falls.filter((p) => p <= SIGNIFICANT).length,
    tooFew: told.length < from.length ? { texts, needed: textsToResample(level) } : null,
    resamplesNeeded: Math.ceil(from.length / SIGNIFICANT) - 1,
  }
}

function textsToResample(level: number): number {
  let texts = 1
  while (tooFewToResample([texts], level)) texts++
  return texts
}

function riseFacts(layers: readonly AnalysedLayer[], { value, byNorm, step }: RisingNumber): RiseFacts {
  const [first, last] = [layers[0], layers[layers.length - 1]]
  const names = categoriesOf(first.categories)
  const falls = names.flatMap((name) => fallsOf(layers, name, value))
  const [before, after] = [first, last].map(({ statistics }) => statistics.stream_norm)
  const streamGrowth = before === null || after === null ? null : after / before
  const left = names.filter((name) => byNorm(last, name) > byNorm(first, name)).length
  const isReal = streamGrowth === null || 2 * left > names.length
  const steps = stepsOf(layers, step)
  const told = steps.rise === steps.all ? (isReal ? 'holds' : ONLY_GROWTH) : 'cannot be told'
  return {
    status: steps.fall > 0 ? 'does not hold' : told,
    ...{
      categories: names.length,
      falls,
      growth: medianGrowth(first, last, value),
      streamGrowth,
      left,
      steps,
    },
  }
}

export function riseVerdict(layers: readonly AnalysedLayer[], rise: RisingNumber): Verdict {
  const { claim, what } = rise
  if (layers.length === 1) return oneLayer(claim)
  const facts = riseFacts(layers, rise)
  const { status, categories, falls, streamGrowth } = facts
  const brief = riseBrief(facts)
  const steps =
    `${what} rises at every step from ${span(layers)} in ${categories - falls.length} of ${categories} categories` +
    (falls.length > 0 ? `; it falls or stays level in ${falls.join(', ')}` : '') +
    `. ${stepsSentence(facts.steps, layers[0].statistics.resamples)}`
  if (streamGrowth === null) {
    const unknown = 'the length of the stream is not known, so it cannot be told whether everything grows'
    return { claim, status, brief, detail: `${steps}; ${unknown}.` }
  }
  const detail =
    `${steps}. From the first layer to the last it grows ${facts.growth}, while the stream that the SAEs read grows ` +
    `${times(streamGrowth)}; divided by the stream’s length it still rises in ${facts.left} of ${categories} categories.`
  return { claim, status, brief, detail: detail + riseLean(layers, rise, facts) }
}

function riseBrief({ status, steps, left, categories }: RiseFacts): string {
  const none = (number: number): string => (number === 0 ? 'none' : String(number))
  const told =
    `of ${count(steps.all, 'step')} from layer to layer, ${none(steps.rise)} clearly ${steps.rise <= 1 ? 'rises' : 'rise'} and ` +
    `${none(steps.fall)} clearly ${steps.fall <= 1 ? 'falls' : 'fall'}`
  const beside = `relative to the growth of the stream itself, ${left} of ${categories} categories rise`
  return status === ONLY_GROWTH ? beside : told
}

/** `With the texts resampled 2000 times, 5 of 6 steps clearly rise (...) and 1 clearly falls or stays level (...)`. */
function stepsSentence({ all, rise, fall, tooFew, resamplesNeeded }: Steps, resamples: number): string {
  const few =
    tooFew &&
    `; resamples of ${count(tooFew.texts, 'text')} per category cannot tell: at least ${tooFew.needed} are needed`
  const short =
    rise < all &&
    resamples < resamplesNeeded &&
    `; so few resamples cannot show a fall: at least ${resamplesNeeded} are needed`
  return (
    `With the texts resampled ${count(resamples, 'time')}, ${rise} of ${count(all, 'step')} clearly ${rise === 1 ? 'rises' : 'rise'} ` +
    `(each in 95 % of the resamples) and ${fall} clearly ${fall === 1 ? 'falls or stays' : 'fall or stay'} level ` +
    `(corrected for ${count(all, 'step')})${few ?? ''}${short || ''}`
  )
}

/** What becomes of a rise without the first layer, if that differs: layer 0 is the bare embedding. */
function riseLean(layers: readonly AnalysedLayer[], rise: RisingNumber, all: RiseFacts): string {
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
  ` That depends on layer ${first.layer}: from layer ${second.layer} on`

const thenStatus = (all: Verdict['status'], later: Verdict['status']): string =>
  later === all ? '' : `, and the claim ${later}`

const ONLY_GROWTH = 'holds only because everything grows'

/** The category with the steps at which its number does not rise, or nothing. */
function fallsOf(layers: readonly AnalysedLayer[], name: string, value: RisingNumber['value']): string[] {
  const steps = layers.slice(1).flatMap((to, i) => {
    const from = layers[i]
    return value(to, name) > value(from, name) ? [] : [`${from.layer} to ${to.layer}`]
  })
  return steps.length > 0 ? [`${name} (layer ${steps.join(', ')})`] : []
}

function medianGrowth(first: AnalysedLayer, last: AnalysedLayer, value: RisingNumber['value']): string {
  const growth = categoriesOf(first.categories)
    .map((name) => value(last, name) / value(first, name))
    .filter(Number.isFinite)
    .sort((a, b) => a - b)
  return growth.length > 0 ? `${times(quantile(growth, 0.5))} (median)` : 'from nothing'
}

/** The sum of the scores must rise from the first layer to the last, and most of that rise must remain at equal pairs. */
export function specialisationVerdict(layers: readonly AnalysedLayer[]): Verdict {
  const claim = 'Specialisation rises with depth'
  if (layers.length === 1) return oneLayer(claim)
  const sums = layers.map(({ statistics }) => statistics.sum_best_scores.observed)
  const equal = layers.map(({ statistics }) => statistics.equal_pairs?.sum_best_scores ?? 0)
  const chance = layers.map(({ statistics }) => statistics.sum_best_scores.chance.mean.toFixed(0))
  const pairs = layers.map(({ pairs_above_threshold: count }) => count)
  const status = specialisationStatus(layers)
  const detail =
    `The best scores of the categories add up to ${sums.join(', ')} from ${span(layers)} (chance gives ${chance.join(', ')}), ` +
    `while ${pairs.join(', ')} pairs of text and feature are above the threshold; ` +
    `at equal numbers of pairs they add up to ${equal.join(', ')}. ${riseSentence(layers)}`
  const later = layers.length < 3 ? status : specialisationStatus(layers.slice(1))
  const lean =
    later === status
      ? ''
      : `${leansOn(layers)} they go from ${sums[1]} to ${sums.at(-1)}, and at equal pairs from ${equal[1]} to ${equal.at(-1)}` +
        `${thenStatus(status, later)}.`
  const brief = `the best scores of all categories add up to ${sums[0]} at the first layer and to ${sums.at(-1)} at the last`
  return { claim, status, brief, detail: detail + lean }
}

/** The rise must be beyond that of shuffled categories, and beyond the choice of texts. */
function specialisationStatus(layers: readonly AnalysedLayer[]): Verdict['status'] {
  const { value, p, interval } = layers[0].statistics.rise_to_last!
  const [low, high] = interval
  if (tooFewToResample(textCounts(layers))) return 'cannot be told'
  if (high <= 0 || (value <= 0 && low <= 0)) return 'does not hold'
  if (p > SIGNIFICANT || low <= 0) return 'cannot be told'
  const [first, last] = [layers[0], layers[layers.length - 1]].map(
    ({ statistics }) => statistics.equal_pairs?.sum_best_scores ?? 0,
  )
  return 2 * (last - first) > value ? 'holds' : ONLY_GROWTH
}

const textCounts = ([{ statistics }]: readonly AnalysedLayer[]): number[] =>
  statistics.categories.map(({ texts }) => texts)

/** What chance and the choice of texts say about the rise. */
function riseSentence(layers: readonly AnalysedLayer[]): string {
  const { permutations, resamples, rise_to_last: rise } = layers[0].statistics
  const { value, p, interval } = rise!
  const few = tooFewToResample(textCounts(layers)) ? ', but these texts are too few to resample' : ''
  return (
    `The change from the first layer to the last is ${showSigned(value, 0)}; with shuffled categories it is as high with ` +
    `p ${Number(p.toPrecision(2))} (${count(permutations, 'shuffle')}), with resampled texts it is ` +
    `${interval.map((bound) => showSigned(bound, 0)).join(' to ')} (95 % of ${count(resamples, 'resample')})${few}.`
  )
}

const oneLayer = (claim: string): Verdict => ({
  claim,
  status: 'not tested',
  brief: 'at least two layers are needed',
  detail: 'At least two layers are needed.',
})

const span = (layers: readonly AnalysedLayer[]): string =>
  `layer ${layers[0].layer} to ${layers[layers.length - 1].layer}`

const times = (factor: number): string => `${factor.toFixed(1)}-fold`
