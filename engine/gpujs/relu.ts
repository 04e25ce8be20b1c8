import { matrixForm, type Device } from './device.ts'
import type { Matrix, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/** Written so that NaN goes through. */
export function reluOf(value: number): number {
  if (value <= 0) return 0
  return value
}

/** One thread per number. */
function eachRelu(this: Thread, x: Matrix): number {
  return reluOf(x[this.thread.y][this.thread.x])
}

export function relu(device: Device, x: GpuTensor): Promise<GpuTensor> {
  const grid = matrixForm(x.shape)
  return device.run(eachRelu, { grid, shape: x.shape, functions: [reluOf] }, { tensor: x, shape: grid })
}
