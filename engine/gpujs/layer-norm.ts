import { momentsOf } from './center.ts'
import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuNorm } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/** Naive: one thread per number, and every thread of a row walks the whole row twice to find the same two numbers. */
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

/** Better, after `rowMoments`: one thread per number, which reads six however wide the row is. */
function normalized(this: Thread, x: Matrix, moments: Matrix, weight: Row, bias: Row): number {
  const y = this.thread.y
  const z = (x[y][this.thread.x] - moments[y][0] - moments[y][1]) / moments[y][2]
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
  using moments = await momentsOf(device, x, eps)
  return await device.run(normalized, { grid: [rows, width] }, x, moments, weight, bias)
}
