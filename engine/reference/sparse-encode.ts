import { positiveEntries, type SparseRows } from '../sparse.ts'
import type { Tensor } from '../tensor.ts'
import { linear } from './linear.ts'
import type { ReferenceLinear } from './prepared.ts'

/** relu(x W + b), keeping only what is positive. */
export function sparseEncode(x: Tensor, layer: ReferenceLinear): SparseRows {
  return positiveEntries(linear(x, layer, 'relu'))
}
