import { positiveEntries, stackRows, type SparseRows } from '../sparse.ts'
import type { Tensor } from '../tensor.ts'
import { preActivations } from './pre-activations.ts'
import type { ReferenceEncoder } from './prepared.ts'
import { select } from './select.ts'

/**
 * What the encoder's selection keeps of x W + b, and of that the positive entries: the ReLU. One row at a time, so that no more than
 * one dense row is ever held.
 */
export function sparseEncode(x: Tensor, encoder: ReferenceEncoder): SparseRows {
  const parts: SparseRows[] = []
  for (let r = 0; r < x.shape[0]; r++)
    parts.push(positiveEntries(select(preActivations(x.rows(r, r + 1), encoder), encoder)))
  return stackRows(parts, encoder.out)
}
