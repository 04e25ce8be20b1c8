// Trains small SAEs within seconds: some patients have no better past than that.
import { createRandom } from '../../../engine/random.ts'
import { Tensor } from '../../../engine/tensor.ts'
import { memoryStore, type WeightStore } from '../../../engine/weights/weights.ts'
import type { Gpt2 } from '../../../gpt2/model.ts'
import type { SaeConfig } from '../../../sae/config.ts'
import { saeTensors } from '../../../sae/save.ts'
import { SaeTraining, type TrainingSettings } from '../../../sae/train/training.ts'
import { captureStreams } from '../../lab/models/features.ts'

const BATCH = 512

interface Training {
  readonly steps: number
  readonly rate: number
  readonly l1?: number
  readonly seed: number
  /** Whether BOS is among the rows. */
  readonly bos?: boolean
  /** Goes on from these weights, under the names of a training: W_enc has one row per feature. */
  readonly from?: ReadonlyMap<string, Tensor>
}

/** Trains an SAE of a centred stream. -> weights in the layout of a file */
export async function trainQuickly(
  gpt2: Gpt2,
  config: SaeConfig,
  texts: readonly (readonly number[])[],
  { steps, rate, l1 = 0, seed, bos = false, from }: Training,
): Promise<WeightStore> {
  const { data, scale } = await rowsOf(gpt2, config.hookName, texts, bos)
  const inputScale = from ? 1 : scale
  const settings: TrainingSettings = {
    ...{ architecture: config.architecture === 'topk' ? 'topk' : 'standard', k: config.k ?? 0 },
    ...{ l1, l0: 0, widths: [], costWarmUp: from ? 0 : steps / 10, deadAfter: 100_000 },
    ...{ rate, steps, warmUp: Math.ceil(steps / 10), decay: Math.ceil(steps / 4) },
  }
  const saved = from && { steps: 0, threshold: 0, tensors: from }
  const training = saved
    ? await SaeTraining.resume(gpt2.ops, config, settings, saved)
    : await SaeTraining.begin(gpt2.ops, config, settings, seed)
  const random = createRandom(seed)
  while (training.steps < steps) {
    const x = Tensor.zeros([BATCH, config.dIn])
    for (let row = 0; row < BATCH; row++)
      x.row(row).set(data.row(random.index(data.shape[0])).map((value) => value * inputScale))
    await training.step(x)
    await new Promise((resolve) => setTimeout(resolve, 0)) // Ctrl-C is heard between steps
  }
  const weights = await training.weights()
  training.release()
  const trained = memoryStore('trained weights', weights)
  return memoryStore('trained weights', await saeTensors(trained, { ...config, inputScale }))
}

/** Centred rows of all texts, and what makes their mean length the root of their width. */
async function rowsOf(gpt2: Gpt2, hook: string, texts: readonly (readonly number[])[], bos: boolean) {
  const stream = (await captureStreams(gpt2, texts, [hook])).get(hook)!
  const kept = texts.flatMap((ids) => ids.map((_, t) => bos || t > 0))
  const width = stream.shape[1]
  const data = Tensor.zeros([kept.filter(Boolean).length, width])
  let [row, lengths] = [0, 0]
  for (const [t, isKept] of kept.entries()) {
    if (!isKept) continue
    const x = stream.row(t)
    const mean = x.reduce((sum, value) => sum + value, 0) / width
    data.row(row).set(x.map((value) => value - mean))
    lengths += Math.hypot(...data.row(row++))
  }
  return { data, scale: (Math.sqrt(width) * row) / lengths }
}
