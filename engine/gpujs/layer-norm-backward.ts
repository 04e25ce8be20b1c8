import { momentsOf } from './center.ts'
import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import { addTo, sumRows } from './linear-backward.ts'
import type { GpuNorm } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/** n = (x - mean) / deviation. */
function standard(this: Thread, x: Matrix, moments: Matrix): number {
  const t = this.thread.y
  return (x[t][this.thread.x] - moments[t][0] - moments[t][1]) / moments[t][2]
}

function times(this: Thread, a: Matrix, b: Matrix): number {
  return a[this.thread.y][this.thread.x] * b[this.thread.y][this.thread.x]
}

/** g = dy w. */
function weighted(this: Thread, dY: Matrix, weight: Row): number {
  return dY[this.thread.y][this.thread.x] * weight[this.thread.x]
}

/** One thread per row: mean(g n). */
function meanAlong(this: Thread<'width'>, g: Matrix, n: Matrix): number {
  let sum = 0
  for (let i = 0; i < this.constants.width; i += 1) sum += g[this.thread.x][i] * n[this.thread.x][i]
  return sum / this.constants.width
}

/** dx = (g - mean(g) - n mean(g n)) / deviation. */
function normSlope(
  this: Thread,
  g: Matrix,
  n: Matrix,
  moments: Matrix,
  momentsG: Matrix,
  meanGN: Row,
): number {
  const t = this.thread.y
  return (g[t][this.thread.x] - momentsG[t][0] - n[t][this.thread.x] * meanGN[t]) / moments[t][2]
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
  using moments = await momentsOf(device, x, eps)
  using n = await device.run(standard, all, x, moments)
  if (dW) {
    using products = await device.run(times, all, dY, n)
    await addTo(device, dW, await sumRows(device, products))
  }
  if (db) await addTo(device, db, await sumRows(device, dY))
  using g = await device.run(weighted, all, dY, weight)
  using momentsG = await momentsOf(device, g, 0)
  using meanGN = await device.run(meanAlong, each, g, n)
  return await device.run(normSlope, all, g, n, moments, momentsG, meanGN)
}
