import type { Tensor } from '../tensor.ts'

/** exp(x - max) / sum: subtracting the maximum first keeps exp from overflowing and changes nothing else. */
export function softmaxRow(x: ArrayLike<number>, out: Float32Array): void {
  let max = -Infinity
  for (let i = 0; i < x.length; i++) max = Math.max(max, x[i])
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += Math.exp(x[i] - max)
  for (let i = 0; i < x.length; i++) out[i] = Math.exp(x[i] - max) / sum
}

/** Turns each row into probabilities. [rows, width] -> the same */
export function softmax(x: Tensor): Tensor {
  const out = x.like(x.shape)
  for (let t = 0; t < x.shape[0]; t++) softmaxRow(x.row(t), out.row(t))
  return out
}
