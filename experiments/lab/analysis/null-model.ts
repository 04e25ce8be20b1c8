// What chance gives: the best scores of features when the labels are shuffled.
// The categories' names are dealt out to the texts again, many times, and the search for a specialist runs again on each deal.
// A real specialist has a score that such deals hardly ever reach.
import { createRandom } from '../../../engine/random.ts'
import type { SparseRows } from '../../../engine/sparse.ts'
import { bestSums, packWeights, type PackedWeights } from './best-sums.ts'
import { columnsAbove, type Column } from './columns.ts'
import { mean, permutationPValue, quantile, shuffle, SIGNIFICANT, sum } from './statistics.ts'

/** How many labellings are drawn, and from which seed. */
export interface Shuffles {
  readonly permutations: number
  readonly seed: number
}

/** How many resamples a bootstrap draws, and from which seed. */
export interface Resamples {
  readonly resamples: number
  readonly seed: number
}

/** How much is drawn at random. */
export type Draws = Shuffles & Resamples

/**
 * The labels dealt out again, so that each keeps its number of texts; if there are strata, among the texts of the same
 * stratum only: whatever the strata do to the features stays the same, and chance decides only the labels.
 * labels, strata [texts] -> [texts], one array, overwritten by each deal
 */
export function* shuffledLabels(labels: Uint32Array, { permutations, seed }: Shuffles, strata?: Uint32Array) {
  const random = createRandom(seed)
  const rows = [...Map.groupBy(labels.keys(), (row) => strata?.[row] ?? 0).values()]
  const hands = rows.map((stratum) => Uint32Array.from(stratum, (row) => labels[row]))
  const dealt = labels.slice()
  for (let draw = 0; draw < permutations; draw++) {
    for (const [s, hand] of hands.entries()) {
      shuffle(hand, random)
      rows[s].forEach((row, i) => (dealt[row] = hand[i]))
    }
    yield dealt
  }
}

/**
 * For each category the best score of any feature: texts of the category above the threshold minus texts of the others.
 * At least 0: that is the score of a feature that is nowhere above the threshold.
 * columns: features by the texts in which they are above the threshold; labels: each text's category, below `categories`
 */
export function bestScores(columns: readonly Column[], labels: Uint32Array, categories: number): number[] {
  return [...bestSums(scoreWeights(columns, labels), labels, categories).sums]
}

/** A score as a sum: 2 for each text of the category above the threshold, minus 1 for each text above it anywhere. */
function scoreWeights(columns: readonly Column[], labels: Uint32Array): PackedWeights {
  const longestFirst = [...columns].sort((a, b) => b.texts.length - a.texts.length)
  const scores = longestFirst.map(({ texts }) => ({
    ...{ texts, weights: new Uint8Array(texts.length).fill(2), rest: 0, start: -texts.length },
  }))
  const sizes = Map.groupBy(labels, (label) => label)
    .values()
    .map((of) => of.length)
  return packWeights(scores, labels.length, Math.max(0, ...sizes))
}

/**
 * The best scores under shuffled labels. counts: one list per category, entry s the number of draws in which the category's
 * best score was s; sums: of the categories' best scores in each draw, in the order of the draws: the same seed deals the
 * same labels in every layer, so two layers' sums form pairs
 */
export function scoreNull(
  columns: readonly Column[],
  labels: Uint32Array,
  categories: number,
  draws: Shuffles,
  strata?: Uint32Array,
): { counts: number[][]; sums: Float64Array } {
  const counts = Array.from({ length: categories }, (): number[] => [])
  const sums = new Float64Array(draws.permutations)
  const weights = scoreWeights(columns, labels)
  let draw = 0
  for (const dealt of shuffledLabels(labels, draws, strata)) {
    const best = bestSums(weights, dealt, categories).sums
    for (const [c, score] of best.entries()) {
      while (counts[c].length <= score) counts[c].push(0)
      counts[c][score]++
    }
    sums[draw++] = sum(best)
  }
  return { counts, sums }
}

/** The search for specialists at a threshold: the best scores, and those under shuffled labels. */
export function searchAt(
  means: SparseRows,
  threshold: number,
  labels: Uint32Array,
  categories: number,
  draws: Shuffles,
) {
  const columns = columnsAbove(means, threshold)
  const best = bestScores(columns, labels, categories)
  const { counts, sums } = scoreNull(columns, labels, categories, draws)
  const pairs = sum(columns.map(({ texts }) => texts.length))
  return { best, sum: sum(best), pairs, counts, sums, chance: meanAndQ95(sums) }
}

/** The share of draws whose best score reached `score`, as a p-value. counts: draws by score */
export function scorePValue(counts: readonly number[], score: number): number {
  return permutationPValue(sum(counts.slice(score)), sum(counts))
}

/**
 * The lowest score of a category that is beyond chance, for `tests` tests at once; null where not even the highest is,
 * that of a feature which fires in all texts of the category and in no other.
 * counts: draws by score; texts: of the category; all: of all categories
 */
export function scoreNeeded(
  counts: readonly number[],
  texts: number,
  all: number,
  tests: number,
): number | null {
  if (tests * ownDeal(texts, all) > SIGNIFICANT) return null
  for (let score = 0; score <= texts; score++)
    if (tests * scorePValue(counts, score) <= SIGNIFICANT) return score
  return null
}

/** The share of all labellings that give a category its own texts: in this share of the shuffles a perfect feature is as good. */
function ownDeal(texts: number, all: number): number {
  let share = 1
  for (let i = 1; i <= texts; i++) share *= i / (all - texts + i)
  return share
}

/**
 * How many texts each category needs, all having the same number, so that each could have a specialist beyond chance: in a
 * shuffle, any category's perfect feature may become another's.
 */
export function textsNeeded(categories: number, tests: number): number {
  let texts = 1
  while (tests * categories * ownDeal(texts, categories * texts) > SIGNIFICANT) texts++
  return texts
}

/** The score that at least 95 % of the draws stay at or below. counts: draws by score */
export function chanceScore(counts: readonly number[]): number {
  const draws = sum(counts)
  let below = 0
  return counts.findIndex((count) => (below += count) >= 0.95 * draws)
}

/** The mean of draws, in any order, and the value that 95 % of them stay at or below. */
export function meanAndQ95(draws: Float64Array): { mean: number; q95: number } {
  return { mean: mean(draws), q95: quantile(draws.toSorted(), 0.95) }
}
