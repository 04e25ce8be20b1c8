import type { Tensor } from '../tensor.ts'
import { normalBelow } from './gelu-erf.ts'

/** y = x P(x), P the share of a normal distribution below x, whose slope is its density: dx = dy (P(x) + x density(x)). */
export function geluErfBackward(dY: Tensor, x: Tensor): Tensor {
  const dX = dY.like(dY.shape)
  for (let i = 0; i < dX.data.length; i++) {
    const density = Math.exp(-(x.data[i] ** 2) / 2) / Math.sqrt(2 * Math.PI)
    dX.data[i] = dY.data[i] * (normalBelow(x.data[i]) + x.data[i] * density)
  }
  return dX
}
