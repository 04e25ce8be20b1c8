// From features back to the activation at a hook.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import type { SparseRows } from '../engine/sparse.ts'
import { Tensor } from '../engine/tensor.ts'
import { saeInput } from './encoder.ts'
import { denormalise } from './normalise.ts'
import type { Sae } from './weights.ts'

/**
 * x_hat = f W_dec + b_dec: the input x as rebuilt from its active features alone, with normalisation undone. A transcoder
 * rebuilds its other hook. x [tokens, ...], as at the SAE's hook; sparse [tokens, d_sae] -> [tokens, d_out]
 */
export async function reconstruct(
  ops: Backend,
  sae: Sae,
  x: DeviceTensor,
  features: SparseRows,
): Promise<DeviceTensor> {
  const decoded = await ops.sparseDecode(features, sae.W_dec, sae.b_dec)
  if (sae.W_skip) return ops.linear(await saeInput(ops, sae, x), sae.W_skip, { residual: decoded })
  if (sae.config.hookNameOut !== sae.config.hookName) return decoded
  return denormalise(ops, sae.config.normalisation, await saeInput(ops, sae, x), decoded)
}

const ROWS_AT_ONCE = 1024 // 3 MB at d_out 768

/** Rows of W_dec: the direction that each of some features writes at the SAE's hook. -> [features, d_out] */
export async function decoderRows({ ops, config, W_dec }: Sae, features: readonly number[]): Promise<Tensor> {
  const rows = Tensor.zeros([features.length, config.dOut])
  for (let from = 0; from < features.length; from += ROWS_AT_ONCE)
    await ops.scope(async (ops) => {
      const part = await ops.embed(W_dec, features.slice(from, from + ROWS_AT_ONCE))
      rows.data.set((await ops.download(part)).data, from * config.dOut)
    })
  return rows
}
