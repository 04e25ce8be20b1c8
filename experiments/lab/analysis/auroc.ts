// How well a feature tells a category from the others, without a threshold.
import { ranks } from './statistics.ts'
import { bestSums, packWeights, type PackedWeights } from './best-sums.ts'
import type { Column } from './columns.ts'
import { shuffledLabels, type Shuffles } from './null-model.ts'

/**
 * AUROC is the probability that a feature fires more strongly in a text of the category than in another, ties counting
 * half: the area under the ROC curve. 0.5 says nothing.
 */

/** Features, by rising number, and twice their ranks among all texts, which are whole numbers: ties share their mean rank. */
interface RankedColumns {
  readonly features: Uint32Array
  readonly doubledRanks: PackedWeights
}

/** The best feature for a category; among equals, the one with the lowest number. */
interface BestAuroc {
  readonly value: number
  readonly feature: number
}

/**
 * A feature that fires in one text says nothing about a category: at least two texts are required.
 * texts: how many there are; sizes: how many each category has
 */
export function rankColumns(
  active: readonly Column[],
  texts: number,
  sizes: readonly number[],
): RankedColumns {
  const ranked = active.filter((column) => column.texts.length >= 2).sort((a, b) => a.feature - b.feature)
  const doubled = ranked.map(({ texts: firing, values }) => {
    const silent = texts - firing.length
    const weights = ranks(values).map((rank) => 2 * (silent + rank))
    return { texts: firing, weights, rest: silent + 1, start: 0 }
  })
  return {
    features: Uint32Array.from(ranked, ({ feature }) => feature),
    doubledRanks: packWeights(doubled, texts, Math.max(...sizes)),
  }
}

/** The best feature of each category; null if the category or all others have no texts, or no feature is ranked. */
export function bestAurocs(
  { features, doubledRanks }: RankedColumns,
  labels: Uint32Array,
  sizes: readonly number[],
): (BestAuroc | null)[] {
  const { sums, at } = bestSums(doubledRanks, labels, sizes.length)
  return sizes.map((size, c) => {
    const value = aurocOf(sums[c] / 2, size, labels.length)
    return value === null || features.length === 0 ? null : { value, feature: features[at[c]] }
  })
}

/** Mann and Whitney's U, the rank sum minus its least possible value, divided by the number of pairs; null if there are none. */
function aurocOf(rankSum: number, size: number, texts: number): number | null {
  const pairs = size * (texts - size)
  return pairs === 0 ? null : (rankSum - (size * (size + 1)) / 2) / pairs
}

/** The best AUROC of each category under shuffled labels, rising. -> [permutations] per category */
export function aurocNull(
  { features, doubledRanks }: RankedColumns,
  labels: Uint32Array,
  sizes: readonly number[],
  draws: Shuffles,
): Float64Array[] {
  const nulls = sizes.map(() => new Float64Array(draws.permutations))
  if (features.length === 0) return nulls
  let draw = 0
  for (const dealt of shuffledLabels(labels, draws)) {
    const { sums } = bestSums(doubledRanks, dealt, sizes.length)
    for (const [c, values] of nulls.entries())
      values[draw] = aurocOf(sums[c] / 2, sizes[c], labels.length) ?? 0
    draw++
  }
  return nulls.map((values) => values.sort())
}
