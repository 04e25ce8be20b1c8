// Features back to the stream.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import type { SparseRows } from '../engine/sparse.ts'
import type { Sae } from './weights.ts'

/** x_hat = f W_dec + b_dec: the input, rebuilt from the active features alone. sparse [tokens, d_sae] -> [tokens, d_in] */
export async function decode(ops: Backend, sae: Sae, features: SparseRows): Promise<DeviceTensor> {
  return ops.sparseDecode(features, sae.W_dec, sae.b_dec)
}
