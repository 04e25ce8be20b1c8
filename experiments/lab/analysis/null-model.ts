import { createRandom } from '../../../engine/random.ts'
import { permutationPValue, quantile, shuffle } from './statistics.ts'
import type { Column } from './columns.ts'

/**
 * What chance gives: the categories' names are dealt out to the texts anew, many times, and the search for a specialist
 * runs again on each deal. A real specialist has a score that such deals hardly ever reach.
 */

/** How much is drawn at random, and from which seed. */
export interface Draws {
  readonly permutations: number
  readonly resamples: number
  readonly seed: number
}

/** The labels in `permutations` random orders, so that each category keeps its size; one array, dealt anew each time. */
export function* shuffledLabels(labels: Uint32Array, permutations: number, seed: number) {
  const random = createRandom(seed)
  const dealt = labels.slice()
  for (let draw = 0; draw < permutations; draw++) {
    shuffle(dealt, random)
    yield dealt
  }
}

/**
 * For each category the best score of any feature: texts of the category above the threshold minus texts of the others.
 * At least 0: that is the score of a feature that is above the threshold nowhere.
 * columns: features by the texts in which they are above the threshold; labels: each text's category, below `categories`
 */
export function bestScores(columns: readonly Column[], labels: Uint32Array, categories: number): number[] {
  const best = new Array<number>(categories).fill(0)
  const inside = new Uint32Array(categories)
  for (const { texts } of columns) {
    inside.fill(0)
    for (const text of texts) inside[labels[text]]++
    for (let c = 0; c < categories; c++) best[c] = Math.max(best[c], 2 * inside[c] - texts.length)
  }
  return best
}

/** The best scores under shuffled labels. */
export interface ScoreNull {
  /** A list a category: entry s is the number of draws in which the category's best score was s. */
  readonly counts: readonly (readonly number[])[]
  /** The sum of the categories' best scores in each draw, rising. */
  readonly sums: Float64Array
}

export function scoreNull(
  columns: readonly Column[],
  labels: Uint32Array,
  categories: number,
  { permutations, seed }: Pick<Draws, 'permutations' | 'seed'>,
): ScoreNull {
  const counts = Array.from({ length: categories }, (): number[] => [])
  const sums = new Float64Array(permutations)
  let draw = 0
  for (const dealt of shuffledLabels(labels, permutations, seed)) {
    const best = bestScores(columns, dealt, categories)
    for (const [c, score] of best.entries()) {
      while (counts[c].length <= score) counts[c].push(0)
      counts[c][score]++
    }
    sums[draw++] = best.reduce((sum, score) => sum + score, 0)
  }
  return { counts, sums: sums.sort() }
}

/** The share of draws whose best score reached `score`, as a p-value. counts: draws by score */
export function scorePValue(counts: readonly number[], score: number): number {
  const total = (list: readonly number[]): number => list.reduce((sum, count) => sum + count, 0)
  return permutationPValue(total(counts.slice(score)), total(counts))
}

/** The score that at least 95 % of the draws stay at or below. counts: draws by score */
export function chanceScore(counts: readonly number[]): number {
  const draws = counts.reduce((sum, count) => sum + count, 0)
  let below = 0
  return counts.findIndex((count) => (below += count) >= 0.95 * draws)
}

/** The mean of `draws` numbers that rise, and what 95 % of them stay at or below. */
export function meanAndQ95(rising: Float64Array): { mean: number; q95: number } {
  return {
    mean: rising.reduce((sum, value) => sum + value, 0) / rising.length,
    q95: quantile(rising, 0.95),
  }
}
