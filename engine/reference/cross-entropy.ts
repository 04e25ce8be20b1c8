import type { Tensor } from '../tensor.ts'

/** A row's largest number, and the sum of exp(x - largest): log softmax(x)[i] = x[i] - largest - log total. */
export function rowTotal(x: ArrayLike<number>): { largest: number; total: number } {
  let largest = -Infinity
  for (let i = 0; i < x.length; i++) largest = Math.max(largest, x[i])
  let total = 0
  for (let i = 0; i < x.length; i++) total += Math.exp(x[i] - largest)
  return { largest, total }
}

/** -log softmax(x)[target] = log total - (x[target] - largest). [rows, width] -> [rows] */
export function crossEntropy(x: Tensor, targets: readonly number[]): Tensor {
  const out = x.like([x.shape[0]])
  for (const [t, target] of targets.entries()) {
    const { largest, total } = rowTotal(x.row(t))
    out.data[t] = Math.log(total) - (x.row(t)[target] - largest)
  }
  return out
}
