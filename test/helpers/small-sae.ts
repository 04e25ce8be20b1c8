import type { Backend } from '../../engine/backend.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf, type WeightStore } from '../../engine/weights/weights.ts'
import { plainConfig, type SaeConfig } from '../../sae/config.ts'
import { loadSae, type Sae } from '../../sae/weights.ts'
import { randomTensor } from './random.ts'

export interface SaeTensors {
  readonly W_enc: Tensor // [d_in, d_sae]
  readonly b_enc: Tensor // [d_sae]
  readonly W_dec: Tensor // [d_sae, d_in]
  readonly b_dec: Tensor // [d_in]
}

export function saeConfig(dIn: number, dSae: number, changes: Partial<SaeConfig> = {}): SaeConfig {
  const hookName = 'blocks.1.hook_resid_pre'
  return { ...plainConfig({ dIn, dSae, hookName, centered: true, modelName: 'small' }), ...changes }
}

export function storeOf(tensors: Readonly<Record<string, Tensor>>): WeightStore {
  return {
    label: 'sae_weights.safetensors',
    names: () => Object.keys(tensors),
    get: (name) => sourceOf(name, tensors[name]),
    close: async () => {},
  }
}

export function saeOf(ops: Backend, tensors: SaeTensors, changes?: Partial<SaeConfig>): Promise<Sae> {
  const [dIn, dSae] = tensors.W_enc.shape
  return loadSae(ops, storeOf({ ...tensors }), saeConfig(dIn, dSae, changes))
}

export function randomSaeTensors(dIn: number, dSae: number, seed: number): SaeTensors {
  return {
    W_enc: randomTensor([dIn, dSae], seed),
    b_enc: randomTensor([dSae], seed + 1, 0.5, -0.5),
    W_dec: randomTensor([dSae, dIn], seed + 2),
    b_dec: randomTensor([dIn], seed + 3, 0.5),
  }
}

/** A dictionary that loses nothing: each direction and its opposite, W_enc = [I, -I], W_dec = [I; -I], no biases. */
export function identitySaeTensors(dIn: number): SaeTensors {
  const [W_enc, W_dec] = [Tensor.zeros([dIn, 2 * dIn]), Tensor.zeros([2 * dIn, dIn])]
  for (let i = 0; i < dIn; i++) {
    W_enc.data.set([1], i * 2 * dIn + i)
    W_enc.data.set([-1], i * 2 * dIn + dIn + i)
    W_dec.data.set([1], i * dIn + i)
    W_dec.data.set([-1], (dIn + i) * dIn + i)
  }
  return { W_enc, b_enc: Tensor.zeros([2 * dIn]), W_dec, b_dec: Tensor.zeros([dIn]) }
}
