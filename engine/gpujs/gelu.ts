import { matrixForm, type Device } from './device.ts'
import type { Matrix, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/**
 * One thread a number. 0.5 (1 + tanh u) is written as 1 / (1 + exp(-2 u)): the same, but nothing cancels where tanh
 * is near -1, and infinite exponentials give the limits, 0 and x.
 */
export function geluOf(this: Thread, x: Matrix): number {
  const value = x[this.thread.y][this.thread.x]
  const u = 0.7978845608028654 * (value + 0.044715 * value * value * value) // sqrt(2 / pi)
  return value / (1 + Math.exp(-2 * u))
}

export function gelu(device: Device, x: GpuTensor): Promise<GpuTensor> {
  const grid = matrixForm(x.shape)
  return device.run(geluOf, { grid, shape: x.shape }, { tensor: x, shape: grid })
}
