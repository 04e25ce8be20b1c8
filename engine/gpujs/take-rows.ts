import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/** One thread per number: it reads its row's index, then one number of that row. */
function taken(this: Thread, x: Matrix, indices: Row): number {
  return x[indices[this.thread.y]][this.thread.x]
}

export function takeRows(device: Device, x: GpuTensor, indices: readonly number[]): Promise<GpuTensor> {
  return device.run(taken, { grid: [indices.length, x.shape[1]] }, x, Float32Array.from(indices))
}
