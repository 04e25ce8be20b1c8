// From the stream to features.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import type { SparseRows } from '../engine/sparse.ts'
import type { Sae } from './weights.ts'

/** What the SAE reads, and what it rebuilds: the stream on the basis it was trained on. x [tokens, d_in] -> [tokens, d_in] */
export async function saeInput(ops: Backend, sae: Sae, x: DeviceTensor): Promise<DeviceTensor> {
  return sae.config.centered ? ops.center(x) : x
}

/**
 * f = ReLU((x - b_dec) W_enc + b_enc), x on the SAE's basis: which features are active on each token, and how strongly.
 * x [tokens, d_in], the stream at the SAE's hook as it is -> sparse [tokens, d_sae]
 */
export async function encode(ops: Backend, sae: Sae, x: DeviceTensor): Promise<SparseRows> {
  const input = await saeInput(ops, sae, x) // [tokens, d_in]
  const shifted = sae.config.subtractsDecoderBias ? await ops.subtract(input, sae.b_dec) : input
  return ops.sparseEncode(shifted, sae.encoder)
}
