import { matrixForm, type Device } from './device.ts'
import type { Matrix, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/**
 * x times the share of a normal distribution below x. The tail below -|x| is e^(-x^2 / 2) times a
 * polynomial in t = 1 / (1 + 0.28 |x|), as in engine/wasm/math.ts, which says how it was fitted. Written out: a kernel
 * can use nothing from outside itself.
 */
export function geluErfOf(value: number): number {
  const t = 1 / (1 + 0.28 * Math.abs(value))
  let sum = 0.025478767644805188
  sum = sum * t - 0.0965852079855404
  sum = sum * t + 0.09725442872775006
  sum = sum * t - 0.010552590392793647
  sum = sum * t + 0.07474999311650417
  sum = sum * t + 0.08309361295192892
  sum = sum * t + 0.10316234723275167
  sum = sum * t + 0.1116946505410264
  sum = sum * t + 0.11170396627806692
  const tail = Math.exp(-0.5 * value * value) * sum * t
  if (value < 0) return value * tail
  return value * (1 - tail)
}

/** One thread per number. */
function eachGeluErf(this: Thread, x: Matrix): number {
  return geluErfOf(x[this.thread.y][this.thread.x])
}

export function geluErf(device: Device, x: GpuTensor): Promise<GpuTensor> {
  const grid = matrixForm(x.shape)
  return device.run(eachGeluErf, { grid, shape: x.shape, functions: [geluErfOf] }, { tensor: x, shape: grid })
}
