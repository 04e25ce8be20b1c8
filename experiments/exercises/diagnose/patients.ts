// Six SAEs with something wrong, made from the bundled ones or trained on the spot.
import type { Backend } from '../../../engine/backend.ts'
import { Tensor } from '../../../engine/tensor.ts'
import { memoryStore, readTensor, type WeightStore } from '../../../engine/weights/weights.ts'
import { loadGpt2, type Gpt2 } from '../../../gpt2/model.ts'
import { plainConfig, type SaeConfig } from '../../../sae/config.ts'
import { turned } from '../../../sae/train/weights.ts'
import { loadSae } from '../../../sae/weights.ts'
import { findModel, type ModelSource } from '../../lab/models/model-source.ts'
import type { FaultName } from './faults.ts'
import type { Case } from './figures.ts'
import { trainQuickly } from './train.ts'

/** The bundled model, its SAEs and our own texts. */
export interface Clinic {
  readonly ops: Backend
  readonly gpt2: Gpt2
  readonly texts: readonly (readonly number[])[]
}

export interface Patient {
  readonly name: string
  readonly fault: FaultName
  /** What its configuration says, for the second look. */
  readonly configuration: string
  readonly open: (clinic: Clinic) => Promise<Case>
}

const hookOf = (layer: number) => `blocks.${layer}.hook_resid_pre`
const MIDDLE = hookOf(3)

const tiny = (): Promise<ModelSource> => findModel('tiny')

/** A bundled SAE, its configuration changed. */
async function bundled(
  { ops, gpt2, texts }: Clinic,
  layer: number,
  change: Partial<SaeConfig> = {},
): Promise<Case> {
  const sae = (await tiny()).saes.get(hookOf(layer))!
  const config = { ...sae.config, ...change }
  const openSae = async () => {
    const store = await sae.weights()
    return loadSae(ops, store, config).finally(() => store.close())
  }
  return { gpt2, hook: config.hookName, texts, openSae }
}

/** The same SAEs with nothing wrong. */
export const healthyCase = (clinic: Clinic, layer: number): Promise<Case> => bundled(clinic, layer)

async function all(store: WeightStore): Promise<Map<string, Tensor>> {
  const tensors = new Map<string, Tensor>()
  for (const name of store.names()) tensors.set(name, await readTensor(store.get(name)))
  await store.close()
  return tensors
}

const small = (hookName: string, dSae: number): SaeConfig =>
  plainConfig({ dIn: 128, dSae, hookName, centered: true, modelName: 'tiny' })

async function backwards(clinic: Clinic): Promise<Case> {
  const texts = clinic.texts.map(([bos, ...ids]) => [bos, ...ids.toReversed()])
  return bundled({ ...clinic, texts }, 3)
}

async function narrow({ ops, gpt2, texts }: Clinic): Promise<Case> {
  const config = small(MIDDLE, 128)
  const store = await trainQuickly(gpt2, config, texts, { steps: 200, rate: 2e-3, l1: 1, seed: 1 })
  return { gpt2, hook: MIDDLE, texts, openSae: () => loadSae(ops, store, config) }
}

async function flattered({ ops, gpt2, texts }: Clinic): Promise<Case> {
  const hook = 'blocks.5.hook_resid_mid'
  const config: SaeConfig = { ...small(hook, 256), architecture: 'topk', k: 1 }
  const store = await trainQuickly(gpt2, config, texts, { steps: 100, rate: 2e-3, seed: 1 })
  return { gpt2, hook, texts, openSae: () => loadSae(ops, store, config) }
}

async function withBos(clinic: Clinic): Promise<Case> {
  const { ops, gpt2, texts } = clinic
  const sae = (await tiny()).saes.get(hookOf(5))!
  const { config } = sae
  const before = await all(await sae.weights())
  const from = new Map(before)
    .set('W_enc', turned(before.get('W_enc')!))
    .set('idle', Tensor.zeros([config.dSae]))
  const how = { steps: 40, rate: 1e-3, l1: 2, seed: 1, bos: true, from }
  const store = await trainQuickly(gpt2, config, texts, how)
  return { gpt2, hook: config.hookName, texts, openSae: () => loadSae(ops, store, config) }
}

/** Every number of the stream raised by 1: no reader of the model can tell, because LayerNorm takes the mean away. */
async function raised(clinic: Clinic): Promise<Case> {
  const weights = await all(await (await tiny()).weights())
  const [name, wpe] = [...weights].find(([name]) => name.endsWith('wpe.weight'))!
  weights.set(
    name,
    new Tensor(
      wpe.shape,
      wpe.data.map((value) => value + 1),
    ),
  )
  const gpt2 = await loadGpt2(clinic.ops, memoryStore('raised weights', weights), clinic.gpt2.config)
  return bundled({ ...clinic, gpt2 }, 3, { centered: false })
}

const SOUND = 'the bundled SAE of layer 3'

export const PATIENTS: readonly Patient[] = [
  {
    name: 'A',
    fault: 'wrong-texts',
    configuration: `${SOUND}, at its own hook, centred; texts: our own 140, each read backwards`,
    open: backwards,
  },
  {
    name: 'B',
    fault: 'few-features',
    configuration: 'trained on our own 140 texts at the hook that it reads, centred; d_in 128, d_sae 128',
    open: narrow,
  },
  {
    name: 'C',
    fault: 'flattering-ratio',
    configuration:
      'trained on our own 140 texts at blocks.5.hook_resid_mid, centred; d_in 128, d_sae 256, TopK with k = 1',
    open: flattered,
  },
  {
    name: 'D',
    fault: 'wrong-hook',
    configuration: 'the bundled SAE of layer 5, centred; it reads blocks.3.hook_resid_pre',
    open: (clinic) => bundled(clinic, 5, { hookName: MIDDLE, hookNameOut: MIDDLE }),
  },
  {
    name: 'E',
    fault: 'bos-kept',
    configuration:
      'the bundled SAE of layer 5, trained on for 40 steps on all rows of our own texts, centred',
    open: withBos,
  },
  {
    name: 'F',
    fault: 'uncentred',
    configuration: `${SOUND}, at its own hook, center_writing_weights false; 1 was added to every number of wpe, as in a model whose stream has a mean`,
    open: raised,
  },
]
