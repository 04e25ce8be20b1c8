import { matrixForm, type Device } from './device.ts'
import type { Matrix, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/**
 * 0.5 x (1 + tanh u) is written as x / (1 + exp(-2 u)): the same, but nothing cancels where tanh is near -1, and infinite
 * exponentials give the limits, 0 and x.
 */
export function geluOf(value: number): number {
  const u = 0.7978845608028654 * (value + 0.044715 * value * value * value) // sqrt(2 / pi)
  return value / (1 + Math.exp(-2 * u))
}

/** One thread per number. */
export function eachGelu(this: Thread, x: Matrix): number {
  return geluOf(x[this.thread.y][this.thread.x])
}

export function gelu(device: Device, x: GpuTensor): Promise<GpuTensor> {
  const grid = matrixForm(x.shape)
  return device.run(eachGelu, { grid, shape: x.shape, functions: [geluOf] }, { tensor: x, shape: grid })
}
