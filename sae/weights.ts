// The weights of an SAE.
import type { Backend, DeviceTensor, Encoder, Linear, Table } from '../engine/backend.ts'
import { freedOnFailure } from '../engine/scope.ts'
import { finiteSource, selectTensors } from '../engine/weights/named-weights.ts'
import type { Shape } from '../engine/tensor.ts'
import { readTensor, type WeightSource, type WeightStore } from '../engine/weights/weights.ts'
import { architectureOf } from './architectures/all.ts'
import type { SaeConfig } from './config.ts'
import { folded } from './fold.ts'

/** A sparse autoencoder: weights on a backend, ready to run; `using` frees them where the block ends. */
export interface Sae extends Disposable {
  readonly config: SaeConfig
  readonly ops: Backend
  readonly encoder: Encoder // W_enc [d_in, d_sae] and what else the architecture has
  readonly W_dec: Table // [d_sae, d_out], one row per feature: the direction it writes
  readonly b_dec: DeviceTensor // [d_out]
  readonly W_skip?: Linear // [d_in, d_out], of skip transcoders
}

/** Every tensor of an SAE file and its shape; SAELens' names. */
export function saeShapes(config: SaeConfig): Map<string, Shape> {
  const { dIn, dSae, dOut } = config
  const { vectors, skips } = architectureOf(config)
  return new Map<string, Shape>([
    ['W_enc', [dIn, dSae]],
    ...vectors.map((name): [string, Shape] => [name, [dSae]]),
    ['W_dec', [dSae, dOut]],
    ['b_dec', [dOut]],
    ...(skips ? [['W_skip', [dOut, dIn]] as [string, Shape]] : []),
  ])
}

/**
 * An SAE's tensors by name, with scales folded in, checked while they are read.
 * @throws naming tensors that are missing, unknown, of another shape, or that hold NaN or infinity
 */
export async function saeSources(
  store: WeightStore,
  config: SaeConfig,
): Promise<(name: string) => WeightSource> {
  const tensors = selectTensors(store, saeShapes(config), { ignored: /^scaling_factor$/ })
  if (store.names().includes('scaling_factor')) await checkOnes(store.label, store.get('scaling_factor'))
  return folded(config, (name) => finiteSource(store.label, tensors.get(name)!))
}

/**
 * Loads an SAE onto a backend.
 * @throws as `saeSources` does; nothing stays loaded
 */
export async function loadSae(ops: Backend, store: WeightStore, config: SaeConfig): Promise<Sae> {
  const { encoder, skips } = architectureOf(config)
  const source = await saeSources(store, config)
  const release = (part: Encoder | Table | Linear) => ops.release(part)
  return freedOnFailure(release, async (keep) => ({
    config,
    ops,
    encoder: keep(await encoder(ops, source, config.k)),
    W_dec: keep(await ops.prepareTable(source('W_dec'))),
    W_skip: skips
      ? keep(await ops.prepareLinear(source('W_skip'), undefined, { transposed: true }))
      : undefined,
    b_dec: ops.upload(await readTensor(source('b_dec'))),
    [Symbol.dispose](this: Sae) {
      for (const part of [this.encoder, this.W_dec, this.b_dec, this.W_skip]) if (part) ops.release(part)
    },
  }))
}

/** SAELens wrote scaling_factor for a time, and uses it only after fine-tuning. */
async function checkOnes(label: string, source: WeightSource): Promise<void> {
  const wrong = (await readTensor(source)).data.find((value) => Math.abs(value - 1) > 1e-5)
  if (wrong !== undefined)
    throw new Error(`${label}: scaling_factor holds ${wrong}, expected ones: fine-tuned SAEs cannot be run`)
}

/** Frees an SAE's memory on its backend, as the end of its `using` does. */
export function releaseSae(sae: Sae): void {
  sae[Symbol.dispose]()
}

/** Refuses an activation that the SAE was not trained on: it would give features, but meaningless ones. */
export function checkHook({ config }: Sae, hook: string): void {
  if (hook !== config.hookName)
    throw new Error(
      `SAE: trained on ${config.hookName} of ${config.modelName}, but fed ${hook}; choose the SAE of that hook`,
    )
}
