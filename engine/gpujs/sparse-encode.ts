import { positiveEntries, type SparseRows } from '../sparse.ts'
import type { Device } from './device.ts'
import { linear } from './linear.ts'
import type { GpuLinear } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/** relu(x W + b) on the device; all of it is read back, and the host keeps what is positive. */
export async function sparseEncode(device: Device, x: GpuTensor, layer: GpuLinear): Promise<SparseRows> {
  using dense = await linear(device, x, layer, 'relu')
  return positiveEntries(await dense.download())
}
