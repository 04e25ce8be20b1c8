import type { AdamStep } from '../backward.ts'
import { matrixForm, type Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/** m = beta m + (1 - beta) g, g multiplied by scale first. */
function nextMean(this: Thread, m: Matrix, g: Matrix, settings: Row): number {
  const slope = g[this.thread.y][this.thread.x] * settings[0]
  return settings[1] * m[this.thread.y][this.thread.x] + settings[2] * slope
}

/** v = beta v + (1 - beta) g^2, likewise. */
function nextSquare(this: Thread, v: Matrix, g: Matrix, settings: Row): number {
  const slope = g[this.thread.y][this.thread.x] * settings[0]
  return settings[1] * v[this.thread.y][this.thread.x] + settings[2] * slope * slope
}

/** w = keep w - rate m / (correction sqrt(v) + eps), the corrections for the moments' beginning in rate and correction. */
function moved(this: Thread, w: Matrix, m: Matrix, v: Matrix, settings: Row): number {
  const root = settings[2] * Math.sqrt(v[this.thread.y][this.thread.x]) + settings[3]
  const far = (settings[1] * m[this.thread.y][this.thread.x]) / root
  return settings[0] * w[this.thread.y][this.thread.x] - far
}

/** One step of AdamW: w, m and v become what they are after it. All have the same size. */
export async function adamW(
  device: Device,
  [w, g, m, v]: readonly GpuTensor[],
  { t, rate, beta1, beta2, eps, weightDecay, scale }: AdamStep,
): Promise<void> {
  const shape = matrixForm(w.shape)
  if (shape[0] * shape[1] === 0) return
  const seen = (tensor: GpuTensor) => ({ tensor, shape })
  const run = (of: GpuTensor) => ({ grid: shape, shape: of.shape })
  m.become(await device.run(nextMean, run(m), seen(m), seen(g), Float32Array.of(scale, beta1, 1 - beta1)))
  v.become(await device.run(nextSquare, run(v), seen(v), seen(g), Float32Array.of(scale, beta2, 1 - beta2)))
  const keep = 1 - rate * weightDecay
  const settings = Float32Array.of(keep, rate / (1 - beta1 ** t), 1 / Math.sqrt(1 - beta2 ** t), eps)
  w.become(await device.run(moved, run(w), seen(w), seen(m), seen(v), settings))
}

/** One thread per row: the sum of its squares. */
function rowSquares(this: Thread<'width'>, x: Matrix): number {
  let sum = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) part += x[this.thread.x][i] * x[this.thread.x][i]
    sum += part
  }
  return sum
}

/** Rows are added up in host memory. */
export async function squares(device: Device, x: GpuTensor): Promise<number> {
  const shape = matrixForm(x.shape)
  const [rows, width] = shape
  if (rows * width === 0) return 0
  using sums = await device.run(rowSquares, { grid: [rows], constants: { width } }, { tensor: x, shape })
  return (await sums.download()).data.reduce((sum, row) => sum + row, 0)
}
