import type { Table, Linear } from '../backend.ts'
import type { Tensor } from '../tensor.ts'
import { RowSums } from './row-sums.ts'

/**
 * Y[t] = W[ids[t]], so dW[ids[t]] += dY[t]: a token's row gathers gradients from every position where the token stood.
 * Added to dW: a table's [rows, width], or a linear layer's [in, out], where it is columns that were read.
 */
export function embedBackward(dY: Tensor, table: Table | Linear, ids: readonly number[], dW: Tensor): void {
  const sums = new RowSums()
  for (const [t, id] of ids.entries()) sums.add(id, dY.row(t))
  sums.addTo(dW.data, 'width' in table ? { stride: table.width } : { stride: 1, step: table.out })
}
