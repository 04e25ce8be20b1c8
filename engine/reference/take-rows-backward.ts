import type { Tensor } from '../tensor.ts'
import { RowSums } from './row-sums.ts'

/** Y[t] = X[indices[t]], so dX[indices[t]] += dY[t]; rows that were not taken get 0. -> [rows, width] */
export function takeRowsBackward(dY: Tensor, indices: readonly number[], rows: number): Tensor {
  const width = dY.shape[1]
  const dX = dY.like([rows, width])
  const sums = new RowSums()
  for (const [t, index] of indices.entries()) sums.add(index, dY.row(t))
  sums.addTo(dX.data, { stride: width })
  return dX
}
