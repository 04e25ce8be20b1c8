import type { Tensor } from '../tensor.ts'
import { softmaxRow } from './softmax.ts'

/** y = -log softmax(x)[target], so dx = dy (softmax(x) - 1 at the target): the prediction minus the truth. dY [rows] */
export function crossEntropyBackward(dY: Tensor, x: Tensor, targets: readonly number[]): Tensor {
  const dX = dY.like(x.shape)
  for (const [t, target] of targets.entries()) {
    const row = dX.row(t)
    softmaxRow(x.row(t), row)
    row[target] -= 1
    for (let i = 0; i < row.length; i++) row[i] *= dY.data[t]
  }
  return dX
}
