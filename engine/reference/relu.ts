import { Tensor } from '../tensor.ts'

/** NaN stays NaN. */
export function reluOf(x: number): number {
  return x <= 0 ? 0 : x
}

/** Each number where it is positive, else 0. */
export function relu(x: Tensor): Tensor {
  return new Tensor(x.shape, x.data.map(reluOf))
}
