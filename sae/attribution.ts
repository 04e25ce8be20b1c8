// The activation at an SAE's hook, split into features, biases and what the SAE misses; and what each part is worth.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import { rulesOf } from '../engine/backward.ts'
import type { SparseRows } from '../engine/sparse.ts'
import { Tensor } from '../engine/tensor.ts'
import { toBasis } from './basis.ts'
import { reconstruct } from './decoder.ts'
import { unitsAt } from './edit.ts'
import { encode } from './encoder.ts'
import type { Sae } from './weights.ts'

/** The activation at the hook that an SAE rebuilds, on its basis: features + bias + error. One row per token. */
export interface SaeParts {
  /** sparse [tokens, d_sae] */
  readonly features: SparseRows
  /** What one unit of a feature is worth there: a multiple of its decoder row for each token. */
  readonly units: Float32Array
  /** What the features add, [tokens, d_out] */
  readonly added: Tensor
  /** What is rebuilt without any feature, [tokens, d_out]: b_dec, and what normalisation or a skip puts there. */
  readonly bias: Tensor
  /** What was not rebuilt, [tokens, d_out] */
  readonly error: Tensor
}

/** Shares of a number whose gradient at the hook is given. */
export interface SaeShares {
  /** One for each entry of the features: activation times decoder row times gradient. */
  readonly features: Float64Array
  /** One for each token. */
  readonly bias: Float64Array
  readonly error: Float64Array
}

/** input, output [tokens, ...]: what stands at the SAE's hook, and at the one that it rebuilds (the same but for transcoders) */
export async function takeApart(sae: Sae, input: Tensor, output: Tensor): Promise<SaeParts> {
  const { ops, config } = sae
  let parts: SaeParts | undefined
  await ops.scope(async (ops) => {
    const x = ops.upload(input)
    const features = await encode(ops, sae, x)
    const none = await ops.scaleEntries(features, () => 0)
    const basis = { ...config, dIn: config.dOut }
    const [rebuilt, bias, there] = [
      await ops.download(await reconstruct(ops, sae, x, features)),
      await ops.download(await reconstruct(ops, sae, x, none)),
      await ops.download(await toBasis(ops, basis, config.hookNameOut, ops.upload(output))),
    ]
    parts = {
      features,
      units: await unitsAt(ops, sae, x),
      added: difference(rebuilt, bias),
      bias,
      error: difference(there, rebuilt),
    }
  })
  return parts!
}

/**
 * What each part is worth to a number, to first order. gradient [tokens, ...]: of that number with respect to the activation at the
 * rebuilt hook. The shares add up to gradient times activation there, except for a mean that the basis leaves out.
 * @throws if the backend has no backward rules
 */
export async function saeShares(sae: Sae, parts: SaeParts, gradient: Tensor): Promise<SaeShares> {
  const { config, W_dec } = sae
  let shares: SaeShares | undefined
  await sae.ops.scope(async (ops: Backend) => {
    const basis = { dIn: config.dOut, headIndex: config.headIndex, centered: false }
    const dY: DeviceTensor = await toBasis(ops, basis, config.hookNameOut, ops.upload(gradient))
    const ofUnit = await rulesOf(ops).sparseDecode(dY, parts.features, W_dec)
    const onBasis = await ops.download(dY)
    shares = {
      features: Float64Array.from(ofUnit, (value, entry) => value * parts.features.values[entry]),
      bias: rowProducts(onBasis, parts.bias),
      error: rowProducts(onBasis, parts.error),
    }
    for (const [row, unit] of parts.units.entries())
      for (let entry = parts.features.offsets[row]; entry < parts.features.offsets[row + 1]; entry++)
        shares.features[entry] *= unit
  })
  return shares!
}

function difference(a: Tensor, b: Tensor): Tensor {
  return new Tensor(
    a.shape,
    a.data.map((value, i) => value - b.data[i]),
  )
}

/** a and b [rows, width] -> the dot product of each pair of rows, [rows] */
function rowProducts(a: Tensor, b: Tensor): Float64Array {
  return Float64Array.from({ length: a.shape[0] }, (_, row) => {
    const other = b.row(row)
    return a.row(row).reduce((sum, value, i) => sum + value * other[i], 0)
  })
}
