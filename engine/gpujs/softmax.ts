import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/** Naive: one thread per number, and every thread of a row finds the same maximum and the same sum again. */
export function softenedNaive(this: Thread<'width'>, x: Matrix): number {
  let highest = x[this.thread.y][0]
  for (let i = 1; i < this.constants.width; i++)
    if (x[this.thread.y][i] > highest) highest = x[this.thread.y][i]
  let total = 0
  for (let i = 0; i < this.constants.width; i++) total += Math.exp(x[this.thread.y][i] - highest)
  return Math.exp(x[this.thread.y][this.thread.x] - highest) / total
}

/** Better, first step: one thread per row, which walks it for its largest number. */
export function rowHighest(this: Thread<'width'>, x: Matrix): number {
  let highest = x[this.thread.x][0]
  for (let i = 1; i < this.constants.width; i++)
    if (x[this.thread.x][i] > highest) highest = x[this.thread.x][i]
  return highest
}

/** Better, second step: one thread per row, which adds up its exponentials. */
export function rowTotal(this: Thread<'width'>, x: Matrix, highest: Row): number {
  let total = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) part += Math.exp(x[this.thread.x][i] - highest[this.thread.x])
    total += part
  }
  return total
}

/** Better, last step: one thread per number, which reads three. */
function softened(this: Thread, x: Matrix, highest: Row, total: Row): number {
  return Math.exp(x[this.thread.y][this.thread.x] - highest[this.thread.y]) / total[this.thread.y]
}

export async function softmax(device: Device, x: GpuTensor): Promise<GpuTensor> {
  const [rows, width] = x.shape
  if (rows * width === 0) return x.reshape(x.shape)
  const launch = { grid: [rows], constants: { width } }
  using highest = await device.run(rowHighest, launch, x)
  using total = await device.run(rowTotal, launch, x, highest)
  return await device.run(softened, { grid: [rows, width] }, x, highest, total)
}
