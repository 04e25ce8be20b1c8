import { center, rowMean } from './center.ts'
import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import { rowDeviation } from './layer-norm.ts'
import { addTo, sumRows } from './linear-backward.ts'
import type { GpuNorm } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/** n = (x - mean) / deviation. */
function standard(this: Thread, centered: Matrix, deviation: Row): number {
  return centered[this.thread.y][this.thread.x] / deviation[this.thread.y]
}

function times(this: Thread, a: Matrix, b: Matrix): number {
  return a[this.thread.y][this.thread.x] * b[this.thread.y][this.thread.x]
}

/** g = dy w. */
function weighted(this: Thread, dY: Matrix, weight: Row): number {
  return dY[this.thread.y][this.thread.x] * weight[this.thread.x]
}

/** One thread a row: mean(g n). */
function meanAlong(this: Thread<'width'>, g: Matrix, n: Matrix): number {
  let sum = 0
  for (let i = 0; i < this.constants.width; i += 1) sum += g[this.thread.x][i] * n[this.thread.x][i]
  return sum / this.constants.width
}

/** dx = (g - mean(g) - n mean(g n)) / deviation. */
function normSlope(this: Thread, g: Matrix, n: Matrix, deviation: Row, meanG: Row, meanGN: Row): number {
  const t = this.thread.y
  return (g[t][this.thread.x] - meanG[t] - n[t][this.thread.x] * meanGN[t]) / deviation[t]
}

/** Added to dW and db where they are given: dw = dy n and db = dy, over all rows. -> [rows, width] */
export async function layerNormBackward(
  device: Device,
  dY: GpuTensor,
  x: GpuTensor,
  { weight }: GpuNorm,
  eps: number,
  dW?: GpuTensor,
  db?: GpuTensor,
): Promise<GpuTensor> {
  const [rows, width] = x.shape
  const [all, each] = [{ grid: [rows, width] }, { grid: [rows], constants: { width } }]
  using centered = await center(device, x)
  using deviation = await device.run(rowDeviation, { grid: [rows], constants: { width, eps } }, centered)
  using n = await device.run(standard, all, centered, deviation)
  if (dW) {
    using products = await device.run(times, all, dY, n)
    await addTo(device, dW, await sumRows(device, products))
  }
  if (db) await addTo(device, db, await sumRows(device, dY))
  using g = await device.run(weighted, all, dY, weight)
  using meanG = await device.run(rowMean, each, g)
  using meanGN = await device.run(meanAlong, each, g, n)
  return await device.run(normSlope, all, g, n, deviation, meanG, meanGN)
}
