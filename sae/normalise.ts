// What is done to each token's input before an SAE reads it, and undone afterwards.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import { Tensor } from '../engine/tensor.ts'

/** The kinds of normalisation per token; a factor common to all tokens is folded into the weights when they are loaded. */
export type Normalisation = 'none' | 'layer_norm' | 'constant_norm_rescale'

/** One token's: the input becomes (x - shift) / divisor, and a reconstruction y of it y * factor + shift. */
interface Scale {
  readonly shift: number
  readonly divisor: number
  /** SAELens' layer_norm divides by a little more than it multiplies with. */
  readonly factor: number
}

const EPS = 1e-5

/** SAELens' formulas, sums in float64. std is unbiased: divided by d_in - 1. */
const scaleOf: Record<Exclude<Normalisation, 'none'>, (x: Float32Array) => Scale> = {
  layer_norm(x) {
    let [mean, variance] = [0, 0]
    for (const value of x) mean += value / x.length
    for (const value of x) variance += (value - mean) ** 2 / (x.length - 1)
    const std = Math.sqrt(variance)
    return { shift: mean, divisor: std + EPS, factor: std }
  },
  constant_norm_rescale(x) {
    let squares = 0
    for (const value of x) squares += value * value
    const size = Math.sqrt(squares / x.length) // norm / sqrt(d_in)
    return { shift: 0, divisor: size, factor: size }
  },
}

/** x [tokens, d_in] -> the same, normalised */
export async function normalise(ops: Backend, kind: Normalisation, x: DeviceTensor): Promise<DeviceTensor> {
  if (kind === 'none') return x
  const input = await ops.download(x)
  return ops.upload(
    perRow(input, (row, out) => {
      const { shift, divisor } = scaleOf[kind](row)
      for (const [i, value] of row.entries()) out[i] = (value - shift) / divisor
    }),
  )
}

/** Undoes it on a reconstruction of x. x, rebuilt [tokens, d_in] -> the same */
export async function denormalise(
  ops: Backend,
  kind: Normalisation,
  x: DeviceTensor,
  rebuilt: DeviceTensor,
): Promise<DeviceTensor> {
  if (kind === 'none') return rebuilt
  const [input, output] = [await ops.download(x), await ops.download(rebuilt)]
  return ops.upload(
    perRow(output, (row, out, t) => {
      const { shift, factor } = scaleOf[kind](input.row(t))
      for (const [i, value] of row.entries()) out[i] = value * factor + shift
    }),
  )
}

/** What one unit of a feature is worth outside: the factor of each token. x [tokens, d_in] */
export function unitsOf(kind: Normalisation, x: Tensor): Float32Array {
  return Float32Array.from({ length: x.shape[0] }, (_, t) =>
    kind === 'none' ? 1 : scaleOf[kind](x.row(t)).factor,
  )
}

function perRow(x: Tensor, visit: (row: Float32Array, out: Float32Array, t: number) => void): Tensor {
  const result = Tensor.zeros(x.shape)
  for (let t = 0; t < x.shape[0]; t++) visit(x.row(t), result.row(t), t)
  return result
}
