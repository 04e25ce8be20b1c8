// The numbers that benchmarks compute with: the same in every run, in Node and in a browser.
import { Tensor, type Shape } from '../engine/tensor.ts'

/** Uniform on mean - scale .. mean + scale (xorshift32, Marsaglia 2003). */
export function numbers(shape: Shape, seed: number, scale = 1, mean = 0): Tensor {
  const tensor = Tensor.zeros(shape)
  let state = Math.imul(seed + 1, 0x9e3779b9) | 1
  for (let i = 0; i < tensor.data.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    tensor.data[i] = mean + (scale * state) / 2 ** 31
  }
  return tensor
}
