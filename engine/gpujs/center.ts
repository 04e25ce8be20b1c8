import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/** Naive: one thread a number, and every thread of a row walks the whole row to find the same mean. */
export function centeredNaive(this: Thread<'width'>, x: Matrix): number {
  let sum = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) part += x[this.thread.y][i]
    sum += part
  }
  return x[this.thread.y][this.thread.x] - sum / this.constants.width
}

/** Better, first step: one thread a row, which walks it once. */
export function rowMean(this: Thread<'width'>, x: Matrix): number {
  let sum = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) part += x[this.thread.x][i]
    sum += part
  }
  return sum / this.constants.width
}

/** Better, second step: one thread a number, which reads that number and its row's mean. */
function centered(this: Thread, x: Matrix, mean: Row): number {
  return x[this.thread.y][this.thread.x] - mean[this.thread.y]
}

export async function center(device: Device, x: GpuTensor): Promise<GpuTensor> {
  const [rows, width] = x.shape
  if (rows * width === 0) return x.reshape(x.shape)
  using mean = await device.run(rowMean, { grid: [rows], constants: { width } }, x)
  return await device.run(centered, { grid: [rows, width] }, x, mean)
}
