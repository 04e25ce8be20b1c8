import type { Activation } from '../backend.ts'
import type { Tensor } from '../tensor.ts'
import { geluErfOf } from './gelu-erf.ts'
import { geluOf } from './gelu.ts'
import type { ReferenceLinear } from './prepared.ts'
import { reluOf } from './relu.ts'

const activations: Record<Activation, (x: number) => number> = {
  none: (x) => x,
  gelu: geluOf,
  geluErf: geluErfOf,
  relu: reluOf,
}

/**
 * activation(x W + b) + residual. Each output is a sum over `in` products, held in float64 until the end; the
 * sum, the activation and the addition each round to float32, so that fusing them changes no bit.
 */
export function linear(
  x: Tensor,
  layer: ReferenceLinear,
  activation: Activation = 'none',
  residual?: Tensor,
): Tensor {
  const [rows] = x.shape
  const out = x.like([rows, layer.out])
  const sums = new Float64Array(layer.out)
  for (let t = 0; t < rows; t++) {
    sums.set(layer.bias.data)
    if (layer.transposed) addProductsTransposed(sums, x.row(t), layer)
    else addProducts(sums, x.row(t), layer)
    for (let j = 0; j < layer.out; j++) {
      const at = t * layer.out + j
      out.data[at] = sums[j]
      out.data[at] = activations[activation](out.data[at])
      if (residual) out.data[at] += residual.data[at]
    }
  }
  return out
}

/** sums[j] += sum over i of x[i] W[i, j]; W [in, out] is walked in the order it is stored. */
function addProducts(sums: Float64Array, x: Float32Array, { weight, out }: ReferenceLinear): void {
  for (let i = 0; i < x.length; i++) {
    const xi = x[i]
    const row = i * out
    for (let j = 0; j < out; j++) sums[j] += xi * weight.data[row + j]
  }
}

/** The same with W stored [out, in]. */
function addProductsTransposed(sums: Float64Array, x: Float32Array, { weight, out }: ReferenceLinear): void {
  const inputs = x.length
  for (let j = 0; j < out; j++) {
    let sum = sums[j]
    const row = j * inputs
    for (let i = 0; i < inputs; i++) sum += x[i] * weight.data[row + i]
    sums[j] = sum
  }
}
