import { matrixForm, type Device } from './device.ts'
import { geluErf } from './gelu-erf.ts'
import type { Matrix, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/** gelu(x) = x p with p = 1 / (1 + exp(-2 u)), so dx = dy (p + 2 x p (1 - p) u'). */
function geluSlope(this: Thread, dY: Matrix, x: Matrix): number {
  const value = x[this.thread.y][this.thread.x]
  const u = 0.7978845608028654 * (value + 0.044715 * value * value * value) // sqrt(2 / pi)
  const p = 1 / (1 + Math.exp(-2 * u))
  const slope = 0.7978845608028654 * (1 + 0.134145 * value * value) // u'
  return dY[this.thread.y][this.thread.x] * (p + 2 * value * p * (1 - p) * slope)
}

/** y = x P(x), so dx = dy (P(x) + x density(x)); P(x) = y / x. */
function geluErfSlope(this: Thread, dY: Matrix, x: Matrix, y: Matrix): number {
  const value = x[this.thread.y][this.thread.x]
  const density = 0.3989422804014327 * Math.exp(-0.5 * value * value) // 1 / sqrt(2 pi)
  if (value === 0) return dY[this.thread.y][this.thread.x] * 0.5
  return dY[this.thread.y][this.thread.x] * (y[this.thread.y][this.thread.x] / value + value * density)
}

export function geluBackward(device: Device, dY: GpuTensor, x: GpuTensor): Promise<GpuTensor> {
  const shape = matrixForm(x.shape)
  const launch = { grid: shape, shape: x.shape }
  return device.run(geluSlope, launch, { tensor: dY, shape }, { tensor: x, shape })
}

export async function geluErfBackward(device: Device, dY: GpuTensor, x: GpuTensor): Promise<GpuTensor> {
  const shape = matrixForm(x.shape)
  using y = await geluErf(device, x)
  const inputs = [dY, x, y].map((tensor) => ({ tensor, shape }))
  return await device.run(geluErfSlope, { grid: shape, shape: x.shape }, ...inputs)
}
