import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import { rowHighest, rowTotal } from './softmax.ts'
import type { GpuTensor } from './tensor.ts'

/** One thread per row: dy . y. */
function rowDot(this: Thread<'width'>, dY: Matrix, y: Matrix): number {
  let sum = 0
  for (let i = 0; i < this.constants.width; i += 1) sum += dY[this.thread.x][i] * y[this.thread.x][i]
  return sum
}

/** dx = scale y (dy - dy . y). */
function softSlope(this: Thread<'scale'>, dY: Matrix, y: Matrix, dot: Row): number {
  const distance = dY[this.thread.y][this.thread.x] - dot[this.thread.y]
  return this.constants.scale * y[this.thread.y][this.thread.x] * distance
}

/** dY and y of any shape, seen as rows of `width` -> the same shape */
export async function softmaxBackward(
  device: Device,
  dY: GpuTensor,
  y: GpuTensor,
  [rows, width]: readonly [rows: number, width: number],
  scale = 1,
): Promise<GpuTensor> {
  const inputs = [dY, y].map((tensor) => ({ tensor, shape: [rows, width] }))
  using dot = await device.run(rowDot, { grid: [rows], constants: { width } }, ...inputs)
  const launch = { grid: [rows, width], shape: y.shape, constants: { scale } }
  return await device.run(softSlope, launch, ...inputs, dot)
}

/** dx = dy (softmax(x) - 1 at the target). */
function surpriseSlope(this: Thread, dY: Row, x: Matrix, targets: Row, highest: Row, total: Row): number {
  const t = this.thread.y
  const share = Math.exp(x[t][this.thread.x] - highest[t]) / total[t]
  if (targets[t] === this.thread.x) return dY[t] * (share - 1)
  return dY[t] * share
}

export async function crossEntropyBackward(
  device: Device,
  dY: GpuTensor,
  x: GpuTensor,
  targets: readonly number[],
): Promise<GpuTensor> {
  const [rows, width] = x.shape
  const launch = { grid: [rows], constants: { width } }
  using highest = await device.run(rowHighest, launch, x)
  using total = await device.run(rowTotal, launch, x, highest)
  const wanted = Float32Array.from(targets)
  return await device.run(surpriseSlope, { grid: [rows, width] }, dY, x, wanted, highest, total)
}
