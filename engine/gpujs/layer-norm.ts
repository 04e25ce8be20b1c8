import { center } from './center.ts'
import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuNorm } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/** Naive: one thread a number, and every thread of a row walks the whole row twice to find the same two numbers. */
export function normalizedNaive(this: Thread<'width' | 'eps'>, x: Matrix, weight: Row, bias: Row): number {
  let sum = 0
  for (let i = 0; i < this.constants.width; i++) sum += x[this.thread.y][i]
  const mean = sum / this.constants.width
  let squares = 0
  for (let i = 0; i < this.constants.width; i++) {
    const distance = x[this.thread.y][i] - mean
    squares += distance * distance
  }
  const deviation = Math.sqrt(squares / this.constants.width + this.constants.eps)
  return ((x[this.thread.y][this.thread.x] - mean) / deviation) * weight[this.thread.x] + bias[this.thread.x]
}

/** Better, after `center`: one thread a row walks what is left once more. */
export function rowDeviation(this: Thread<'width' | 'eps'>, centered: Matrix): number {
  let squares = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) part += centered[this.thread.x][i] * centered[this.thread.x][i]
    squares += part
  }
  return Math.sqrt(squares / this.constants.width + this.constants.eps)
}

/** Better, last step: one thread a number, which reads four numbers however wide the row is. */
export function normalized(this: Thread, centered: Matrix, deviation: Row, weight: Row, bias: Row): number {
  const z = centered[this.thread.y][this.thread.x] / deviation[this.thread.y]
  return z * weight[this.thread.x] + bias[this.thread.x]
}

export async function layerNorm(
  device: Device,
  x: GpuTensor,
  { weight, bias }: GpuNorm,
  eps: number,
): Promise<GpuTensor> {
  const [rows, width] = x.shape
  if (rows * width === 0) return x.reshape(x.shape)
  using centered = await center(device, x)
  using deviation = await device.run(rowDeviation, { grid: [rows], constants: { width, eps } }, centered)
  return await device.run(normalized, { grid: [rows, width] }, centered, deviation, weight, bias)
}
