// How much a category's peak and aggregate depend on the choice of its texts.
import { createRandom, type Random } from '../../../engine/random.ts'
import { sparseRow, type SparseRows } from '../../../engine/sparse.ts'
import { labelsOf, type Column } from './columns.ts'
import { percentileInterval, sum } from './statistics.ts'
import type { Category } from './input.ts'
import type { Resamples } from './null-model.ts'

/** The range of 95 % of the resamples of a category's texts; see `bootstrap`. */
interface Intervals {
  readonly peak: [low: number, high: number]
  readonly aggregate: [low: number, high: number]
}

/** A category's peak and aggregate in each resample of its texts. */
export interface Resampled {
  readonly peaks: Float64Array
  readonly aggregates: Float64Array
}

/** A feature's activation in one text of a category, `text` being its place among the category's. */
interface Entry {
  readonly feature: number
  readonly text: number
  readonly value: number
}

/** The peak and the aggregate count a category's five strongest features. */
const STRONGEST = 5

/**
 * How much peak and aggregate depend on the texts that happened to be chosen: as many texts are drawn from each category,
 * with replacement, as it has. The same seed draws the same texts in every layer, so two layers' draws form pairs.
 * A maximum over drawn texts cannot exceed the maximum over all: these intervals reach down from the number, not up, and
 * tell how much hangs on a text or two (a bootstrap of extremes is no confidence interval: Bickel and Freedman 1981).
 * features: token means [texts, d_sae] -> each category's peak and aggregate, resample by resample
 */
export function bootstrap(
  features: SparseRows,
  categories: readonly Category[],
  { resamples, seed }: Resamples,
): Resampled[] {
  const random = createRandom(seed)
  return categories.map(({ rows }) => {
    const strongestFirst = entriesOf(features, rows)
    const [peaks, aggregates] = [new Float64Array(resamples), new Float64Array(resamples)]
    for (let draw = 0; draw < resamples; draw++) {
      const top = topValues(strongestFirst, drawTexts(rows.length, random))
      peaks[draw] = top[0] ?? 0
      aggregates[draw] = sum(top)
    }
    return { peaks, aggregates }
  })
}

/** The intervals of what `bootstrap` drew; null where the category has no text or nothing fires: every peak is then 0. */
export function intervalsOf({ peaks, aggregates }: Resampled): Intervals | null {
  if (peaks.every((peak) => peak === 0)) return null
  return { peak: percentileInterval(peaks), aggregate: percentileInterval(aggregates) }
}

/**
 * The scores of one feature for each category, added up, with each category's texts drawn again; a score counts as 0
 * at least, as in `bestScores`. The same seed draws the same texts in every layer.
 * columns: features by the texts in which they are above the threshold; chosen: one feature per category, undefined where
 * there is none -> [resamples]
 */
export function resampleScores(
  columns: readonly Column[],
  chosen: readonly (number | undefined)[],
  categories: readonly Category[],
  { resamples, seed }: Resamples,
): Float64Array {
  const random = createRandom(seed)
  const labels = labelsOf(categories)
  const above = new Map(columns.map(({ feature, texts }) => [feature, texts]))
  const firing = chosen.map((feature) => (feature === undefined ? [] : (above.get(feature) ?? [])))
  const times = new Uint32Array(labels.length)
  return Float64Array.from({ length: resamples }, () => {
    times.fill(0)
    for (const { rows } of categories) for (const _ of rows) times[rows[random.index(rows.length)]]++
    const scores = firing.map((texts, c) =>
      sum(texts.map((text) => (labels[text] === c ? times[text] : -times[text]))),
    )
    return sum(scores.map((score) => Math.max(0, score)))
  })
}

/**
 * The activations that can be among the strongest of any drawn texts, strongest first: of each text only its own strongest few,
 * because a text that is drawn with a weaker one is drawn with these.
 */
function entriesOf(features: SparseRows, rows: readonly number[]): Entry[] {
  const entries = rows.flatMap((row, text) => {
    const { indices, values } = sparseRow(features, row)
    const least = values.toSorted().at(-STRONGEST) ?? 0
    const places = [...indices.keys()].filter((i) => values[i] >= least && values[i] > 0)
    return places.map((i) => ({ feature: indices[i], text, value: values[i] }))
  })
  return entries.sort((a, b) => b.value - a.value)
}

/** Which of `count` texts are among `count` drawn with replacement: for a maximum, once is as good as twice. */
function drawTexts(count: number, random: Random): Uint8Array {
  const drawn = new Uint8Array(count)
  for (let i = 0; i < count; i++) drawn[random.index(count)] = 1
  return drawn
}

/** The highest activations of the strongest features in the drawn texts, highest first. */
function topValues(strongestFirst: readonly Entry[], drawn: Uint8Array): number[] {
  const found = new Set<number>()
  const values: number[] = []
  for (const { feature, text, value } of strongestFirst) {
    if (!drawn[text] || found.has(feature)) continue
    found.add(feature)
    values.push(value)
    if (values.length === STRONGEST) break
  }
  return values
}
