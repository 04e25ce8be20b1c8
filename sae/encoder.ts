// From the activation at a hook to features.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import type { SparseRows } from '../engine/sparse.ts'
import { toBasis } from './basis.ts'
import { normalise } from './normalise.ts'
import type { Sae } from './weights.ts'

/** What the SAE reads: the activation at its hook, on the basis it was trained on. x [tokens, ...] -> [tokens, d_in] */
export async function saeInput(ops: Backend, { config }: Sae, x: DeviceTensor): Promise<DeviceTensor> {
  return toBasis(ops, config, config.hookName, x)
}

/** What its encoder reads: the input, normalised, with b_dec subtracted. x [tokens, ...] -> [tokens, d_in] */
export async function encoderInput(ops: Backend, sae: Sae, x: DeviceTensor): Promise<DeviceTensor> {
  const input = await normalise(ops, sae.config.normalisation, await saeInput(ops, sae, x))
  return sae.config.subtractsDecoderBias ? ops.subtract(input, sae.b_dec) : input
}

/**
 * Which features are active on each token, and how strongly: f = ReLU((x - b_dec) W_enc + b_enc) for a standard SAE; for others
 * see architectures/. x [tokens, ...], as at the SAE's hook -> sparse [tokens, d_sae]
 */
export async function encode(ops: Backend, sae: Sae, x: DeviceTensor): Promise<SparseRows> {
  return ops.sparseEncode(await encoderInput(ops, sae, x), sae.encoder)
}
