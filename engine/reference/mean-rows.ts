import type { Tensor } from '../tensor.ts'

/** One mean per text, over its rows. */
export function meanRows(x: Tensor, lengths: readonly number[]): Tensor {
  const width = x.shape[1]
  const out = x.like([lengths.length, width])
  let first = 0
  for (const [text, length] of lengths.entries()) {
    for (let i = 0; i < width; i++) {
      let sum = 0
      for (let t = first; t < first + length; t++) sum += x.data[t * width + i]
      out.data[text * width + i] = sum / length
    }
    first += length
  }
  return out
}
