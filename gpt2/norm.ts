// LayerNorm in three steps, with a hook after each of the first two.
import type { Backend, DeviceTensor, Norm } from '../engine/backend.ts'
import { Tensor } from '../engine/tensor.ts'
import type { Pass } from './pass.ts'

/** x normalised: in one step, unless a hook wants to see the steps inside. [tokens, dModel] -> the same shape */
export async function layerNorm(
  ops: Backend,
  x: DeviceTensor,
  norm: Norm,
  { config, hooks }: Pick<Pass, 'config' | 'hooks'>,
  name: string, // `blocks.N.ln1`, `blocks.N.ln2` or `ln_final`
): Promise<DeviceTensor> {
  const whole = await ops.layerNorm(x, norm, config.eps)
  if (!hooks.wants(`${name}.hook_scale`) && !hooks.wants(`${name}.hook_normalized`)) return whole
  const [stream, weight, bias] = await Promise.all([x, norm.weight, norm.bias].map((y) => ops.download(y)))
  const { centred, scale } = partsOf(stream, config.eps)
  const scaled = await hooks.seen(`${name}.hook_scale`, scale, ops) // [tokens, 1]
  const before = perNumber(stream.shape, (t, i) => centred.row(t)[i] / scaled.data[t])
  const normalized = await hooks.seen(`${name}.hook_normalized`, before, ops) // [tokens, dModel]
  if (scaled === scale && normalized === before) return whole // looking changes no bit
  return ops.upload(perNumber(stream.shape, (t, i) => normalized.row(t)[i] * weight.data[i] + bias.data[i]))
}

/** Each row minus its mean, and its standard deviation, with eps inside the root. Sums in float64. */
function partsOf(x: Tensor, eps: number): { centred: Tensor; scale: Tensor } {
  const [rows, width] = x.shape
  const means = Array.from(
    { length: rows },
    (_, t) => x.row(t).reduce((sum, value) => sum + value, 0) / width,
  )
  const centred = perNumber(x.shape, (t, i) => x.row(t)[i] - means[t])
  const scale = Float32Array.from({ length: rows }, (_, t) =>
    Math.sqrt(x.row(t).reduce((sum, value) => sum + (value - means[t]) ** 2, 0) / width + eps),
  )
  return { centred, scale: new Tensor([rows, 1], scale) }
}

function perNumber(shape: Tensor['shape'], number: (t: number, i: number) => number): Tensor {
  const result = Tensor.zeros(shape)
  for (let t = 0; t < shape[0]; t++) {
    const row = result.row(t)
    for (let i = 0; i < row.length; i++) row[i] = number(t, i)
  }
  return result
}
