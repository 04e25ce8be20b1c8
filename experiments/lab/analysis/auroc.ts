// How well a feature tells a category from the others, without a threshold.
import { ranks } from './statistics.ts'
import type { Column } from './columns.ts'
import { shuffledLabels, type Shuffles } from './null-model.ts'

/**
 * AUROC is the probability that a feature fires more strongly in a text of the category than in another, ties counting
 * half: the area under the ROC curve. 0.5 says nothing.
 */

/** A feature's ranks among all texts: those in which it is silent share the lowest. */
interface RankedColumn {
  readonly feature: number
  readonly texts: readonly number[]
  /** What each of those texts ranks above the silent ones. */
  readonly lift: readonly number[]
  /** The rank of a silent text. */
  readonly floor: number
}

/** The best feature for a category; of equals the one with the lowest number. */
interface BestAuroc {
  readonly value: number
  readonly feature: number
}

/** A feature that fires in one text says nothing about a category: at least two are asked for. */
export function rankColumns(active: readonly Column[], texts: number): RankedColumn[] {
  return active
    .filter((column) => column.texts.length >= 2)
    .map(({ feature, texts: firing, values }) => {
      const silent = texts - firing.length
      const floor = (silent + 1) / 2
      return {
        feature,
        texts: firing,
        lift: Array.from(ranks(values), (rank) => silent + rank - floor),
        floor,
      }
    })
    .sort((a, b) => a.feature - b.feature)
}

/** For each category its best feature; null where a category or all others have no texts, or no feature is ranked. */
export function bestAurocs(
  columns: readonly RankedColumn[],
  labels: Uint32Array,
  sizes: readonly number[],
): (BestAuroc | null)[] {
  // By rank sums, which rise with the AUROC: this runs for each of the shuffles.
  const bestSum = new Float64Array(sizes.length).fill(-1)
  const bestColumn = new Uint32Array(sizes.length)
  const lifts = new Float64Array(sizes.length)
  for (const [column, { texts, lift, floor }] of columns.entries()) {
    lifts.fill(0)
    for (let i = 0; i < texts.length; i++) lifts[labels[texts[i]]] += lift[i]
    for (let c = 0; c < sizes.length; c++) {
      const rankSum = lifts[c] + sizes[c] * floor
      if (rankSum > bestSum[c]) {
        bestSum[c] = rankSum
        bestColumn[c] = column
      }
    }
  }
  return sizes.map((size, c) => {
    const pairs = size * (labels.length - size)
    if (pairs === 0 || columns.length === 0) return null
    // Mann and Whitney's U: the rank sum, less the least that it could be.
    const value = (bestSum[c] - (size * (size + 1)) / 2) / pairs
    return { value, feature: columns[bestColumn[c]].feature }
  })
}

/** The best AUROC of each category under shuffled labels, rising. -> [permutations] a category */
export function aurocNull(
  columns: readonly RankedColumn[],
  labels: Uint32Array,
  sizes: readonly number[],
  draws: Shuffles,
): Float64Array[] {
  const nulls = sizes.map(() => new Float64Array(draws.permutations))
  let draw = 0
  for (const dealt of shuffledLabels(labels, draws)) {
    for (const [c, best] of bestAurocs(columns, dealt, sizes).entries()) nulls[c][draw] = best?.value ?? 0
    draw++
  }
  return nulls.map((values) => values.sort())
}
