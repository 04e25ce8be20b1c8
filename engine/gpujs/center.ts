import type { Device } from './device.ts'
import type { Matrix, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/** Naive: one thread per number, and every thread of a row walks the whole row to find the same mean. */
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

/**
 * Better, first step: one thread per row, which walks it three times. The second walk finds what is left of the mean once the
 * float32 sum's is taken off, the error of its roundings; 0 where NaN or infinity leave no such number. Without it a row of 768
 * times 7.3 has a mean that is 1.7e-5 off, which LayerNorm divides by a deviation of almost nothing: the third walk finds that.
 * -> mean, what is left of it, deviation
 */
function rowMoments(this: Thread<'width' | 'eps'>, x: Matrix): [number, number, number, number] {
  const y = this.thread.x
  let sum = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) part += x[y][i]
    sum += part
  }
  const mean = Math.fround(sum / this.constants.width) // as it is stored, even where numbers are float64
  let left = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) part += x[y][i] - mean
    left += part
  }
  let rest = 0
  if (left > -3e38 && left < 3e38) rest = left / this.constants.width
  let squares = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) {
      const distance = x[y][i] - mean - rest
      part += distance * distance
    }
    squares += part
  }
  return [mean, rest, Math.sqrt(squares / this.constants.width + this.constants.eps), 0]
}

/** Better, last step: one thread per number, which reads that number and what its row's mean is made of. */
function centered(this: Thread, x: Matrix, moments: Matrix): number {
  return x[this.thread.y][this.thread.x] - moments[this.thread.y][0] - moments[this.thread.y][1]
}

/** -> [rows, 4] */
export function momentsOf(device: Device, x: GpuTensor, eps: number): Promise<GpuTensor> {
  const [rows, width] = x.shape
  return device.run(rowMoments, { grid: [rows], shape: [rows, 4], constants: { width, eps } }, x)
}

export async function center(device: Device, x: GpuTensor): Promise<GpuTensor> {
  const [rows, width] = x.shape
  if (rows * width === 0) return x.reshape(x.shape)
  using moments = await momentsOf(device, x, 0)
  return await device.run(centered, { grid: [rows, width] }, x, moments)
}
