import type { Tensor } from '../tensor.ts'
import type { ReferenceEncoder } from './prepared.ts'
import { topK } from './top-k.ts'

/** Rows [rows, out] with 0 where the encoder's selection leaves a number out; numbers at or below 0 are ignored. */
export function select(rows: Tensor, { threshold, k }: ReferenceEncoder): Tensor {
  const kept = rows.like(rows.shape)
  if (threshold)
    for (const [at, value] of rows.data.entries())
      kept.data[at] = value <= threshold.data[at % threshold.data.length] ? 0 : value // NaN is not below anything
  else if (k)
    for (const [row, { indices }] of topK(rows, k).entries())
      for (const index of indices) kept.row(row)[index] = rows.row(row)[index]
  else return rows // the ReLU is left to positiveEntries
  return kept
}
