// What is known about one feature: data of a fixed size, whatever the corpus. Two tallies add up to one.
import { BINS } from './bins.ts'

/** How many of the strongest firings are kept, and of each bin how many with the smallest hashes. */
export const TOP = 10
export const PER_BIN = 3
/** How many tokens of its window an example shows before and after the one that fires. */
export const BEFORE = 20
export const AFTER = 11
/** Labels beyond this number count as `OTHER_LABELS`. */
export const MOST_LABELS = 256

/** A firing, and the tokens around it. */
export interface Example {
  readonly activation: number
  /** hash(seed, feature, document, position) */
  readonly hash: number
  readonly document: number
  /** Position in the document, whose first token is 1. */
  readonly position: number
  readonly file: number
  readonly row: number
  /** An index into the labels, or -1. */
  readonly label: number
  /** Which of `ids` fires. */
  readonly at: number
  readonly ids: Uint32Array
  /** The feature's activations, one for each of `ids`. */
  readonly activations: Float32Array
}

/** Everything that is kept about a feature. Sums are float64, in document order. */
export interface Tally {
  readonly feature: number
  firings: number
  sum: number
  sumOfSquares: number
  max: number
  /** Firings by bin. */
  readonly histogram: Float64Array // [BINS]
  /** Firings by label, by the labels' index. */
  labels: number[]
  /** The strongest first. */
  top: Example[]
  /** For each bin those with the smallest hashes, in that order. */
  readonly binned: Example[][] // [BINS]
  /** On which tokens of the sample it fires: their places in it. */
  sampled: number[]
}

export function emptyTally(feature: number): Tally {
  const binned = Array.from({ length: BINS }, (): Example[] => [])
  const histogram = new Float64Array(BINS)
  const numbers = { firings: 0, sum: 0, sumOfSquares: 0, max: 0 }
  return { feature, ...numbers, histogram, labels: [], top: [], binned, sampled: [] }
}

/** Ties go to the earlier token: the order is total, so the order of merging does not matter. */
function earlier(a: Example, b: Example): number {
  return a.document - b.document || a.position - b.position
}
const strongestFirst = (a: Example, b: Example): number => b.activation - a.activation || earlier(a, b)
export const smallestHash = (a: Example, b: Example): number => a.hash - b.hash || earlier(a, b)

/**
 * Adds what the next shard knows about the feature.
 * @param labelOf the places of the shard's labels among those of the whole
 * @param slotOf the places of the shard's sampled tokens in the sample of the whole; undefined for one that is not in it
 */
export function addTally(
  into: Tally,
  next: Tally,
  labelOf: readonly number[],
  slotOf: (place: number) => number | undefined,
): void {
  into.firings += next.firings
  into.sum += next.sum
  into.sumOfSquares += next.sumOfSquares
  into.max = Math.max(into.max, next.max)
  for (let bin = 0; bin < BINS; bin++) into.histogram[bin] += next.histogram[bin]
  for (const [label, firings] of next.labels.entries())
    into.labels[labelOf[label]] = (into.labels[labelOf[label]] ?? 0) + firings
  const relabelled = (example: Example): Example =>
    example.label < 0 || labelOf[example.label] === example.label
      ? example
      : { ...example, label: labelOf[example.label] }
  into.top = [...into.top, ...next.top.map(relabelled)].sort(strongestFirst).slice(0, TOP)
  for (const [bin, examples] of next.binned.entries())
    if (examples.length > 0)
      into.binned[bin] = [...into.binned[bin], ...examples.map(relabelled)]
        .sort(smallestHash)
        .slice(0, PER_BIN)
  for (const place of next.sampled) {
    const slot = slotOf(place)
    if (slot !== undefined) into.sampled.push(slot)
  }
}
