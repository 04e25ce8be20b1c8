import { positiveEntries, stackRows, type SparseRows } from '../sparse.ts'
import type { Tensor } from '../tensor.ts'
import { preActivations } from './pre-activations.ts'
import type { ReferenceEncoder } from './prepared.ts'
import { select } from './select.ts'

/**
 * The entries of x W + b that the encoder's selection keeps, and of those the positive ones: the ReLU. One row at a time, so that
 * only one dense row is ever held.
 */
export function sparseEncode(x: Tensor, encoder: ReferenceEncoder): SparseRows {
  const parts: SparseRows[] = []
  for (let r = 0; r < x.shape[0]; r++)
    parts.push(positiveEntries(select(preActivations(x.rows(r, r + 1), encoder), encoder)))
  return stackRows(parts, encoder.out)
}
