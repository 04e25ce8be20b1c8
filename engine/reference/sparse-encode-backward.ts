import type { SparseRows } from '../sparse.ts'
import type { Tensor } from '../tensor.ts'
import { weightAt } from './linear-backward.ts'
import type { ReferenceLinear } from './prepared.ts'
import { RowSums } from './row-sums.ts'

/** f = what was kept of x W + b, so dx = the sum over kept j of df_j W[:, j]: the others pass nothing on. -> [rows, in] */
export function sparseEncodeBackward(dF: Float32Array, f: SparseRows, layer: ReferenceLinear): Tensor {
  const dX = layer.weight.like([f.shape[0], layer.in])
  const sums = new Float64Array(layer.in)
  for (let t = 0; t < f.shape[0]; t++) {
    sums.fill(0)
    for (let entry = f.offsets[t]; entry < f.offsets[t + 1]; entry++)
      for (let i = 0; i < layer.in; i++) sums[i] += dF[entry] * weightAt(layer, i, f.indices[entry])
    dX.row(t).set(sums)
  }
  return dX
}

/** dW[:, j] = the sum over rows of x df_j, and db_j of df_j: only kept columns. Added to dW [in, out] and db. */
export function sparseEncodeWeightsBackward(
  dF: Float32Array,
  f: SparseRows,
  x: Tensor,
  dW: Tensor,
  db?: Tensor,
): void {
  const [columns, biases] = [new RowSums(), new RowSums()]
  for (let t = 0; t < f.shape[0]; t++)
    for (let entry = f.offsets[t]; entry < f.offsets[t + 1]; entry++) {
      columns.add(f.indices[entry], x.row(t), dF[entry])
      biases.add(f.indices[entry], [dF[entry]])
    }
  columns.addTo(dW.data, { stride: 1, step: f.shape[1] })
  if (db) biases.addTo(db.data, { stride: 1 })
}
