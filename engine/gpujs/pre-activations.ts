import type { Device } from './device.ts'
import { linear } from './linear.ts'
import type { GpuEncoder } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/** x W + b, by the kernel of `linear`. */
export function preActivations(device: Device, x: GpuTensor, { layer }: GpuEncoder): Promise<GpuTensor> {
  return linear(device, x, layer)
}
