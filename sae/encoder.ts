// The stream to features.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import type { SparseRows } from '../engine/sparse.ts'
import { checkHook, type Sae } from './weights.ts'

/**
 * What the SAE reads: the stream at its hook, on the basis it was trained on.
 * x [tokens, d_in] -> [tokens, d_in]
 */
export async function saeInput(ops: Backend, sae: Sae, hook: string, x: DeviceTensor): Promise<DeviceTensor> {
  checkHook(sae, hook)
  return sae.config.centered ? ops.center(x) : x
}

/**
 * f = ReLU((x - b_dec) W_enc + b_enc): which features are active on each token, and how strongly.
 * input [tokens, d_in], from saeInput -> sparse [tokens, d_sae]
 */
export async function encode(ops: Backend, sae: Sae, input: DeviceTensor): Promise<SparseRows> {
  const shifted = sae.config.subtractsDecoderBias ? await ops.subtract(input, sae.b_dec) : input
  return ops.sparseEncode(shifted, sae.encoder)
}
