import type { Tensor } from '../tensor.ts'
import type { ReferenceNorm } from './prepared.ts'

/**
 * y = n w + b with n = (x - mean) s and s = 1 / sqrt(variance + eps). With g = dy w:
 * dx = s (g - mean(g) - n mean(g n)), because mean and variance move with every x; dw = dy n and db = dy, over all rows.
 * Added to dW and db where they are given. -> [rows, width]
 */
export function layerNormBackward(
  dY: Tensor,
  x: Tensor,
  norm: ReferenceNorm,
  eps: number,
  dW?: Tensor,
  db?: Tensor,
): Tensor {
  const [rows, width] = x.shape
  const dX = dY.like(x.shape)
  const [weightSums, biasSums] = [new Float64Array(width), new Float64Array(width)]
  for (let t = 0; t < rows; t++) {
    const [row, dy] = [x.row(t), dY.row(t)]
    let mean = 0
    for (let i = 0; i < width; i++) mean += row[i] / width
    let variance = 0
    for (let i = 0; i < width; i++) variance += (row[i] - mean) ** 2 / width
    const scale = 1 / Math.sqrt(variance + eps)
    let [meanG, meanGN] = [0, 0]
    for (let i = 0; i < width; i++) {
      const [g, n] = [dy[i] * norm.weight.data[i], (row[i] - mean) * scale]
      meanG += g / width
      meanGN += (g * n) / width
      weightSums[i] += dy[i] * n
      biasSums[i] += dy[i]
    }
    for (let i = 0; i < width; i++) {
      const [g, n] = [dy[i] * norm.weight.data[i], (row[i] - mean) * scale]
      dX.data[t * width + i] = scale * (g - meanG - n * meanGN)
    }
  }
  for (let i = 0; i < width; i++) {
    if (dW) dW.data[i] += weightSums[i]
    if (db) db.data[i] += biasSums[i]
  }
  return dX
}
