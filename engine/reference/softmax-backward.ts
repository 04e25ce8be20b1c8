import type { Tensor } from '../tensor.ts'

/** y = softmax(x), so dx = y (dy - y . dy): raising one number takes probability from all others. */
export function softmaxRowBackward(dY: ArrayLike<number>, y: ArrayLike<number>, dX: Float32Array): void {
  let dot = 0
  for (let i = 0; i < y.length; i++) dot += y[i] * dY[i]
  // out[i] = Math.exp(x[i] - max) / sum
  for (let i = 0; i < y.length; i++) dX[i] = y[i] * (dY[i] - dot)
}

/** Row by row. dY and y [rows, width] -> the same */
export function softmaxBackward(dY: Tensor, y: Tensor): Tensor {
  const dX = dY.like(dY.shape)
  for (let t = 0; t < y.shape[0]; t++) softmaxRowBackward(dY.row(t), y.row(t), dX.row(t))
  return dX
}
