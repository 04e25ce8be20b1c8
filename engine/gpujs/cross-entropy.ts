import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import { rowHighest, rowTotal } from './softmax.ts'
import type { GpuTensor } from './tensor.ts'

/** Last step, after softmax's first two: one thread per row, which reads four numbers. */
function surprise(this: Thread, x: Matrix, targets: Row, highest: Row, total: Row): number {
  const i = this.thread.x
  return Math.log(total[i]) - (x[i][targets[i]] - highest[i])
}

export async function crossEntropy(
  device: Device,
  x: GpuTensor,
  targets: readonly number[],
): Promise<GpuTensor> {
  const [rows, width] = x.shape
  if (rows === 0) return x.reshape([0])
  const launch = { grid: [rows], constants: { width } }
  using highest = await device.run(rowHighest, launch, x)
  using total = await device.run(rowTotal, launch, x, highest)
  return await device.run(surprise, { grid: [rows] }, x, Float32Array.from(targets), highest, total)
}
