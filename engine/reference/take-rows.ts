import type { Tensor } from '../tensor.ts'

/** The rows `indices` of x, in that order: the last token of each text, say. */
export function takeRows(x: Tensor, indices: readonly number[]): Tensor {
  const out = x.like([indices.length, x.shape[1]])
  for (const [t, index] of indices.entries()) out.row(t).set(x.row(index))
  return out
}
