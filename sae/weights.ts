// The weights of an SAE.
import type { Backend, DeviceTensor, Encoder, Table } from '../engine/backend.ts'
import { freedOnFailure } from '../engine/scope.ts'
import { finiteSource, selectTensors } from '../engine/weights/named-weights.ts'
import type { Shape } from '../engine/tensor.ts'
import { readTensor, type WeightStore } from '../engine/weights/weights.ts'
import type { SaeConfig } from './config.ts'

/** A sparse autoencoder (Cunningham et al. 2023, Bricken et al. 2023): weights on a backend, ready to run. */
export interface Sae {
  readonly config: SaeConfig
  readonly ops: Backend
  readonly encoder: Encoder // W_enc [d_in, d_sae], b_enc [d_sae]
  readonly W_dec: Table // [d_sae, d_in], a row a feature: the direction it writes
  readonly b_dec: DeviceTensor // [d_in]
}

/** Every tensor of an SAE file and its shape; SAELens' names. */
export function saeShapes({ dIn, dSae }: SaeConfig): Map<string, Shape> {
  return new Map<string, Shape>([
    ['W_enc', [dIn, dSae]],
    ['b_enc', [dSae]],
    ['W_dec', [dSae, dIn]],
    ['b_dec', [dIn]],
  ])
}

/**
 * Loads an SAE onto a backend.
 * @throws naming tensors that are missing, unknown, of another shape, or that hold NaN or infinity; nothing stays loaded
 */
export async function loadSae(ops: Backend, store: WeightStore, config: SaeConfig): Promise<Sae> {
  const tensors = selectTensors(store, saeShapes(config), { ignored: /^scaling_factor$/ })
  const source = (name: string) => finiteSource(store.label, tensors.get(name)!)
  const release = (part: Encoder | Table) => ops.release(part)
  return freedOnFailure(release, async (keep) => ({
    config,
    ops,
    encoder: keep(await ops.prepareEncoder(source('W_enc'), source('b_enc'))),
    W_dec: keep(await ops.prepareTable(source('W_dec'))),
    b_dec: ops.upload(await readTensor(source('b_dec'))),
  }))
}

export function releaseSae({ ops, encoder, W_dec, b_dec }: Sae): void {
  for (const part of [encoder, W_dec, b_dec]) ops.release(part)
}

/** Refuses an activation that the SAE was not trained on: wrong input gives features, but none that mean anything. */
export function checkHook({ config }: Sae, hook: string): void {
  if (hook !== config.hookName)
    throw new Error(
      `SAE: trained on ${config.hookName} of ${config.modelName}, but fed ${hook}; choose the SAE of that hook`,
    )
}
