import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/** One thread per column of a text: it walks down the text's rows; neighbouring threads read neighbouring numbers. */
function columnMean(this: Thread, x: Matrix, firstRows: Row, lengths: Row): number {
  const first = firstRows[this.thread.y]
  const length = lengths[this.thread.y]
  let sum = 0
  for (let block = 0; block < length; block += 256) {
    const end = Math.min(block + 256, length)
    let part = 0
    for (let t = block; t < end; t += 1) part += x[first + t][this.thread.x]
    sum += part
  }
  return sum / length
}

export function meanRows(device: Device, x: GpuTensor, lengths: readonly number[]): Promise<GpuTensor> {
  const firstRows = new Float32Array(lengths.length)
  for (let text = 1; text < lengths.length; text++) firstRows[text] = firstRows[text - 1] + lengths[text - 1]
  const grid = [lengths.length, x.shape[1]]
  return device.run(columnMean, { grid }, x, firstRows, Float32Array.from(lengths))
}
