import type { Tensor } from '../tensor.ts'

/** gelu(x) = x (1 + tanh u) / 2, so gelu'(x) = (1 + tanh u) / 2 + x (1 - tanh^2 u) u' / 2. */
function geluSlope(x: number): number {
  const scale = Math.sqrt(2 / Math.PI)
  const tanh = Math.tanh(scale * (x + 0.044715 * x ** 3))
  const slope = scale * (1 + 3 * 0.044715 * x ** 2) // u'
  return (1 + tanh + x * (1 - tanh ** 2) * slope) / 2
}

/** dx = dy gelu'(x). any shape -> the same */
export function geluBackward(dY: Tensor, x: Tensor): Tensor {
  const dX = dY.like(dY.shape)
  for (let i = 0; i < dX.data.length; i++) dX.data[i] = dY.data[i] * geluSlope(x.data[i])
  return dX
}
