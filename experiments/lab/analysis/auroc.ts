// How well a feature tells a category from the others, without a threshold.
import { ranks, sum } from './statistics.ts'
import type { Column } from './columns.ts'
import { shuffledLabels, type Shuffles } from './null-model.ts'

/**
 * AUROC is the probability that a feature fires more strongly in a text of the category than in another, ties counting
 * half: the area under the ROC curve. 0.5 says nothing.
 */

/**
 * Features' ranks among all texts, end to end, by rising feature: column i's are entries offsets[i] to offsets[i + 1]
 * (left out). The texts in which a feature is silent share the lowest rank.
 */
interface RankedColumns {
  readonly features: Uint32Array
  readonly offsets: Uint32Array
  readonly texts: Uint32Array
  /** What each of those texts ranks above the silent ones. */
  readonly lifts: Float64Array
  /** A column's rank of a silent text. */
  readonly floors: Float64Array
}

/** The best feature for a category; of equals the one with the lowest number. */
interface BestAuroc {
  readonly value: number
  readonly feature: number
}

/** A feature that fires in one text says nothing about a category: at least two are asked for. */
export function rankColumns(active: readonly Column[], texts: number): RankedColumns {
  const ranked = active.filter((column) => column.texts.length >= 2).sort((a, b) => a.feature - b.feature)
  const offsets = Uint32Array.of(0, ...ranked.map(() => 0))
  for (const [i, { texts }] of ranked.entries()) offsets[i + 1] = offsets[i] + texts.length
  const entries = offsets[ranked.length]
  const columns = {
    features: Uint32Array.from(ranked, ({ feature }) => feature),
    offsets,
    texts: new Uint32Array(entries),
    lifts: new Float64Array(entries),
    floors: new Float64Array(ranked.length),
  }
  for (const [i, { texts: firing, values }] of ranked.entries()) {
    const silent = texts - firing.length
    const floor = (silent + 1) / 2
    columns.floors[i] = floor
    columns.texts.set(firing, offsets[i])
    columns.lifts.set(
      ranks(values).map((rank) => silent + rank - floor),
      offsets[i],
    )
  }
  return columns
}

/** For each category its best feature; null where a category or all others have no texts, or no feature is ranked. */
export function bestAurocs(
  columns: RankedColumns,
  labels: Uint32Array,
  sizes: readonly number[],
): (BestAuroc | null)[] {
  const { sums, at } = bestRankSums(columns, labels, sizes)
  return sizes.map((size, c) => {
    const value = aurocOf(sums[c], size, labels.length)
    return value === null || columns.features.length === 0
      ? null
      : { value, feature: columns.features[at[c]] }
  })
}

/** Mann and Whitney's U, the rank sum less the least that it could be, by the number of pairs; null if there are none. */
function aurocOf(rankSum: number, size: number, texts: number): number | null {
  const pairs = size * (texts - size)
  return pairs === 0 ? null : (rankSum - (size * (size + 1)) / 2) / pairs
}

/**
 * For each category the highest rank sum of any column, which rises with the AUROC, and that column, the first of equals.
 * This runs for each of the shuffles, where `reach` spares it the columns that cannot come first.
 */
function bestRankSums(
  { offsets, texts, lifts, floors }: RankedColumns,
  labels: Uint32Array,
  sizes: readonly number[],
  reach?: Float64Array,
): { sums: Float64Array; at: Uint32Array } {
  const categories = sizes.length
  const sums = new Float64Array(categories).fill(-1)
  const at = new Uint32Array(categories)
  const lifted = new Float64Array(categories)
  for (let column = 0; column < floors.length; column++) {
    if (reach && !canLead(reach, column, sums)) continue
    lifted.fill(0)
    for (let i = offsets[column]; i < offsets[column + 1]; i++) lifted[labels[texts[i]]] += lifts[i]
    for (let c = 0; c < categories; c++) {
      const rankSum = lifted[c] + sizes[c] * floors[column]
      if (rankSum > sums[c]) {
        sums[c] = rankSum
        at[c] = column
      }
    }
  }
  return { sums, at }
}

function canLead(reach: Float64Array, column: number, sums: Float64Array): boolean {
  for (let c = 0; c < sums.length; c++) if (reach[column * sums.length + c] > sums[c]) return true
  return false
}

/** The highest rank sum that each column could have for a category of each size: its highest lifts, all in it. */
function reachOf({ offsets, lifts, floors }: RankedColumns, sizes: readonly number[]): Float64Array {
  const reach = new Float64Array(floors.length * sizes.length)
  for (let column = 0; column < floors.length; column++) {
    const falling = lifts
      .slice(offsets[column], offsets[column + 1])
      .sort()
      .reverse()
    for (const [c, size] of sizes.entries())
      reach[column * sizes.length + c] = sum(falling.subarray(0, size)) + size * floors[column]
  }
  return reach
}

/** The best AUROC of each category under shuffled labels, rising. -> [permutations] a category */
export function aurocNull(
  columns: RankedColumns,
  labels: Uint32Array,
  sizes: readonly number[],
  draws: Shuffles,
): Float64Array[] {
  const nulls = sizes.map(() => new Float64Array(draws.permutations))
  const reach = reachOf(columns, sizes)
  let draw = 0
  for (const dealt of shuffledLabels(labels, draws)) {
    const { sums } = bestRankSums(columns, dealt, sizes, reach)
    const value = (c: number) =>
      columns.features.length > 0 ? aurocOf(sums[c], sizes[c], labels.length) : null
    for (const [c, values] of nulls.entries()) values[draw] = value(c) ?? 0
    draw++
  }
  return nulls.map((values) => values.sort())
}
