import type { SparseRows } from '../sparse.ts'
import { numbersLike, type Tensor } from '../tensor.ts'
import type { ReferenceTable } from './prepared.ts'
import { RowSums } from './row-sums.ts'

/** Y[t] = b + the sum of f_j W[j], so df_j = dY[t] . W[j]: how much the row's gradient points in the feature's direction. */
export function sparseDecodeBackward(dY: Tensor, x: SparseRows, { weight }: ReferenceTable): Float32Array {
  const dF = numbersLike(dY.data, x.values.length)
  for (let t = 0; t < x.shape[0]; t++)
    for (let entry = x.offsets[t]; entry < x.offsets[t + 1]; entry++) {
      const [dy, row] = [dY.row(t), weight.row(x.indices[entry])]
      let dot = 0
      for (let i = 0; i < dy.length; i++) dot += dy[i] * row[i]
      dF[entry] = dot
    }
  return dF
}

/** dW[j] = the sum over rows of f_j dY[t]: only the rows of active features are touched. Added to dW [n, width]. */
export function sparseDecodeWeightsBackward(dY: Tensor, x: SparseRows, dW: Tensor): void {
  const sums = new RowSums()
  for (let t = 0; t < x.shape[0]; t++)
    for (let entry = x.offsets[t]; entry < x.offsets[t + 1]; entry++)
      sums.add(x.indices[entry], dY.row(t), x.values[entry])
  sums.addTo(dW.data, { stride: dY.shape[1] })
}
