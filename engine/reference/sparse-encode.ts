import { positiveEntries, stackRows, type SparseRows } from '../sparse.ts'
import type { Tensor } from '../tensor.ts'
import { linear } from './linear.ts'
import type { ReferenceLinear } from './prepared.ts'

/** relu(x W + b), keeping only what is positive: a row at a time, so that no more than one dense row is ever held. */
export function sparseEncode(x: Tensor, layer: ReferenceLinear): SparseRows {
  const parts: SparseRows[] = []
  for (let r = 0; r < x.shape[0]; r++) parts.push(positiveEntries(linear(x.rows(r, r + 1), layer, 'relu')))
  return stackRows(parts, layer.out)
}
