import type { Backend } from '../../engine/backend.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { SaeConfig } from '../../sae/config.ts'
import { trained, type TrainedName } from '../../sae/train/all.ts'
import { SaeTraining, type TrainingSettings } from '../../sae/train/training.ts'
import { saeConfig } from './small-sae.ts'

/** Settings of a training whose rate and costs stay as they are. */
export function constantSettings(
  architecture: TrainedName,
  changes: Partial<TrainingSettings> = {},
): TrainingSettings {
  const costs = { l1: 0, l0: 0, k: 3, widths: [], costWarmUp: 0 }
  return { architecture, rate: 1e-3, steps: 1, deadAfter: 1000, ...costs, ...changes }
}

/** The config that an SAE of this kind is saved with. */
export function trainedConfig(
  architecture: TrainedName,
  dIn: number,
  dSae: number,
  { k = 3, ...changes }: Partial<SaeConfig> = {},
): SaeConfig {
  const { savedAs } = trained[architecture]
  const hasK = savedAs === 'topk' ? { k } : {}
  return saeConfig(dIn, dSae, { centered: false, architecture: savedAs, ...hasK, ...changes })
}

/** A training that begins with weights under the names of an SAE's file, and with these features dead. */
export function trainingFrom(
  ops: Backend,
  weights: Readonly<Record<string, Tensor>>,
  settings: TrainingSettings,
  { dead = [], ...changes }: { dead?: readonly number[] } & Partial<SaeConfig> = {},
): Promise<SaeTraining> {
  const [dIn, dSae] = weights.W_enc.shape
  const idle = Tensor.zeros([dSae])
  for (const j of dead) idle.data[j] = settings.deadAfter
  const W_enc = Tensor.zeros([dSae, dIn])
  for (let j = 0; j < dSae; j++) for (let i = 0; i < dIn; i++) W_enc.row(j)[i] = weights.W_enc.row(i)[j]
  const tensors = new Map([...Object.entries(weights), ['W_enc', W_enc] as const, ['idle', idle] as const])
  const config = trainedConfig(settings.architecture, dIn, dSae, { k: settings.k, ...changes })
  return SaeTraining.resume(ops, config, settings, { steps: 0, threshold: 0, tensors })
}
