import { Tensor } from '../tensor.ts'

/** GPT-2's GELU, the tanh approximation (Hendrycks and Gimpel 2016; `gelu_new` in the public config). */
export function geluOf(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
}

/** Bends each number: large ones pass, negative ones fade to zero, smoothly. */
export function gelu(x: Tensor): Tensor {
  return new Tensor(x.shape, x.data.map(geluOf))
}
