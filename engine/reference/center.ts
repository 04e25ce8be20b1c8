import type { Tensor } from '../tensor.ts'

/** Each row minus its mean: LayerNorm would drop the mean first, and the public SAEs never saw it. */
export function center(x: Tensor): Tensor {
  const [rows, width] = x.shape
  const out = x.like(x.shape)
  for (let t = 0; t < rows; t++) {
    let sum = 0
    for (let i = 0; i < width; i++) sum += x.data[t * width + i]
    for (let i = 0; i < width; i++) out.data[t * width + i] = x.data[t * width + i] - sum / width
  }
  return out
}
