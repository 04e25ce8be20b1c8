// Statistics that know nothing about features.
import type { Random } from '../../../engine/random.ts'

/** A test whose corrected p-value is above this is called within chance. */
export const SIGNIFICANT = 0.05

/** In float64, in order. */
export function sum(values: readonly number[] | Float32Array | Float64Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}

export function mean(values: readonly number[] | Float32Array | Float64Array): number {
  return sum(values) / values.length
}

/** Puts the items in a random order, each as likely as the others (Fisher-Yates), in place. */
export function shuffle(items: Uint32Array, random: Random): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = random.index(last + 1)
    const moved = items[last]
    items[last] = items[other]
    items[other] = moved
  }
}

/**
 * How often chance alone does at least as well: (1 + how many of the null's draws reached it) / (1 + all draws). The data
 * as they are count as one draw, so that p is never 0 (Phipson and Smyth 2010).
 */
export function permutationPValue(reached: number, draws: number): number {
  return (1 + reached) / (1 + draws)
}

/**
 * P-values corrected for there being several tests, so that the chance of even one false alarm stays what it is for one test
 * (Holm 1979). In the order given, at most 1.
 */
export function holm(pValues: readonly number[]): number[] {
  const order = [...pValues.keys()].sort((a, b) => pValues[a] - pValues[b])
  const corrected: number[] = []
  let least = 0
  for (const [rank, test] of order.entries()) {
    least = Math.max(least, Math.min(1, (order.length - rank) * pValues[test]))
    corrected[test] = least
  }
  return corrected
}

/**
 * The quantile `q` (0 to 1) of numbers that rise, interpolated linearly between the two nearest: Hyndman and Fan's type 7,
 * which R and NumPy take unless told otherwise.
 * @throws if there are no numbers
 */
export function quantile(rising: ArrayLike<number>, q: number): number {
  if (rising.length === 0) throw new Error('quantile: there are no numbers')
  const position = q * (rising.length - 1)
  const [below, above] = [rising[Math.floor(position)], rising[Math.ceil(position)]]
  return below + (above - below) * (position % 1)
}

/** The middle share `level` of a bootstrap's draws, in any order: Efron's percentile interval. */
export function percentileInterval(draws: ArrayLike<number>, level = 0.95): [low: number, high: number] {
  const rising = Float64Array.from(draws).sort()
  const tail = (1 - level) / 2
  return [quantile(rising, tail), quantile(rising, 1 - tail)]
}

/** The level of each of several intervals, so that all together keep 95 % (Bonferroni). */
export function jointLevel(intervals: number): number {
  return 1 - SIGNIFICANT / Math.max(1, intervals)
}

/**
 * Whether there are too few texts for a percentile interval at `level` to leave anything out: n texts can be drawn with
 * replacement in n^n ways, and an interval of fewer ways than its tails need is no more than the range of all of them.
 * groups: the number of texts of each group that is drawn from
 */
export function tooFewToResample(groups: readonly number[], level = 0.95): boolean {
  const ways = sum(groups.map((texts) => (texts > 0 ? texts * Math.log(texts) : 0)))
  return ways < Math.log(2 / (1 - level))
}

/** Whether even differences that all have one sign would prove nothing: p of the sign test is 2 / 2^n at best. */
export function tooFewForSign(differences: number): boolean {
  return 2 / 2 ** differences > SIGNIFICANT
}

/** Whether even ranks in perfect order would prove nothing: p is 2 / (n! of each group) at best. groups: points of each */
export function tooFewForRanks(groups: readonly number[]): boolean {
  let best = 2
  for (const points of groups) for (let i = 2; i <= points; i++) best /= i
  return best > SIGNIFICANT
}

/** Ranks from 1, in the order given; equal numbers share the mean of the ranks they take up. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b])
  const ranked = new Float64Array(values.length)
  for (let from = 0; from < order.length;) {
    let to = from + 1
    while (to < order.length && values[order[to]] === values[order[from]]) to++
    for (let i = from; i < to; i++) ranked[order[i]] = (from + 1 + to) / 2
    from = to
  }
  return ranked
}

/**
 * The probability that a positive has the higher value than a negative, ties counting half: the area under the ROC
 * curve, which is Mann and Whitney's U divided by the number of pairs. Null where either side is empty.
 */
export function auroc(positives: readonly number[], negatives: readonly number[]): number | null {
  const pairs = positives.length * negatives.length
  if (pairs === 0) return null
  const rankSum = sum(ranks([...positives, ...negatives]).subarray(0, positives.length))
  return (rankSum - (positives.length * (positives.length + 1)) / 2) / pairs
}

/** Pearson's correlation coefficient of two lists of equal length, or null if one of the two does not vary. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  if (a.length !== b.length)
    throw new Error(`pearson: ${a.length} numbers and ${b.length}; expected as many of each`)
  if (isConstant(a) || isConstant(b)) return null // rounding could leave a variance of almost nothing
  const [x, y] = [centred(a), centred(b)]
  const lengths = Math.sqrt(dot(x, x) * dot(y, y))
  return lengths > 0 ? dot(x, y) / lengths : null
}

/** Spearman's rank correlation: Pearson's, of the ranks, which ties share. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  return pearson(ranks(a), ranks(b))
}

// Plain loops: a bootstrap of correlations runs these some hundred thousand times.

function isConstant(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false
  return true
}

function centred(values: ArrayLike<number>): Float64Array {
  const numbers = new Float64Array(values)
  const centre = mean(numbers)
  for (let i = 0; i < numbers.length; i++) numbers[i] -= centre
  return numbers
}

function dot(x: Float64Array, y: Float64Array): number {
  let total = 0
  for (let i = 0; i < x.length; i++) total += x[i] * y[i]
  return total
}
