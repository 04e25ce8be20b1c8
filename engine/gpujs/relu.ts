import { matrixForm, type Device } from './device.ts'
import type { Matrix, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/** One thread a number. Written so that NaN goes through. */
export function clip(this: Thread, x: Matrix): number {
  const value = x[this.thread.y][this.thread.x]
  if (value <= 0) return 0
  return value
}

export function relu(device: Device, x: GpuTensor): Promise<GpuTensor> {
  const grid = matrixForm(x.shape)
  return device.run(clip, { grid, shape: x.shape }, { tensor: x, shape: grid })
}
