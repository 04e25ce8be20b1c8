import type { Tensor } from '../tensor.ts'
import type { ReferenceNorm } from './prepared.ts'

/** LayerNorm (Ba et al. 2016): each row is shifted to mean 0 and scaled to variance 1, then scaled and shifted by learned numbers. */
export function layerNorm(x: Tensor, norm: ReferenceNorm, eps: number): Tensor {
  const [rows, width] = x.shape
  const out = x.like(x.shape)
  for (let t = 0; t < rows; t++) {
    const row = x.row(t)
    let mean = 0
    for (let i = 0; i < width; i++) mean += row[i] / width
    let variance = 0 // biased: divided by width, not width - 1
    for (let i = 0; i < width; i++) variance += (row[i] - mean) ** 2 / width
    const scale = 1 / Math.sqrt(variance + eps)
    for (let i = 0; i < width; i++)
      out.data[t * width + i] = (row[i] - mean) * scale * norm.weight.data[i] + norm.bias.data[i]
  }
  return out
}
