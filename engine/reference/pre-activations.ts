import type { Tensor } from '../tensor.ts'
import { linear } from './linear.ts'
import type { ReferenceEncoder } from './prepared.ts'

/** x W + b: what the encoder's selection chooses from. */
export function preActivations(x: Tensor, { layer }: ReferenceEncoder): Tensor {
  return linear(x, layer)
}
