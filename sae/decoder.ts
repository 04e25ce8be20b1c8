// From features back to the stream.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import type { SparseRows } from '../engine/sparse.ts'
import { Tensor } from '../engine/tensor.ts'
import type { Sae } from './weights.ts'

/** x_hat = f W_dec + b_dec: the input, rebuilt from the active features alone. sparse [tokens, d_sae] -> [tokens, d_in] */
export async function decode(ops: Backend, sae: Sae, features: SparseRows): Promise<DeviceTensor> {
  return ops.sparseDecode(features, sae.W_dec, sae.b_dec)
}

const ROWS_AT_ONCE = 1024 // 3 MB at d_in 768

/** Rows of W_dec: the direction that each of some features writes. -> [features, d_in] */
export async function decoderRows({ ops, config, W_dec }: Sae, features: readonly number[]): Promise<Tensor> {
  const rows = Tensor.zeros([features.length, config.dIn])
  for (let from = 0; from < features.length; from += ROWS_AT_ONCE)
    await ops.scope(async (ops) => {
      const part = await ops.embed(W_dec, features.slice(from, from + ROWS_AT_ONCE))
      rows.data.set((await ops.download(part)).data, from * config.dIn)
    })
  return rows
}
