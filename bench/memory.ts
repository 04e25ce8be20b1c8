// `bench memory`: the peak of resident memory of a process that loads a model and an SAE, and runs both once.
import { positiveInteger } from '../experiments/lab/cli/cli.ts'
import { UserError } from '../experiments/lab/cli/user-error.ts'
import { findModel } from '../experiments/lab/models/model-source.ts'
import { addModel, type Benchmark } from './benchmark.ts'
import { runScript } from './measured-process.ts'
import type { ChildOptions, ChildResult } from './memory-child.ts'
import { writeModelFolder, type ModelFolder } from './model-folder.ts'
import { syntheticSaeConfig, syntheticSaeWeights } from '../sae/synthetic/weights.ts'
import { makeRow, noCost, threadsOf, type MemoryUse } from './rows.ts'
import { digits } from './tables.ts'

/** The target: slightly more than the tensors in use, plus what Node and the activations need. */
const TARGET_RATIO = 1.15
const TARGET_EXTRA_MB = 150

/**
 * Features at the hook in the model's middle, and the last token's logits. A model made from a formula is written to files
 * first, which the process then loads, warm in the system's cache. `bench layers` verifies what it computes.
 */
export const memory: Benchmark<ChildOptions & { readonly features?: number }> = {
  name: 'memory',
  description: 'peak memory of a process that loads and runs a model',
  addOptions: (command) =>
    addModel(command)
      .option('--tokens <n>', 'tokens of the text', positiveInteger('tokens'), 128)
      .option(
        '--features <n>',
        'width of the SAE of the synthetic model (default: 24576; OpenAI’s widest: 131072)',
        positiveInteger('features'),
      ),

  async run({ quiet, features, ...options }) {
    const written = options.model === 'synthetic'
    if (features && !written)
      throw new UserError('--features is for --model synthetic: other models have SAEs of their own')
    await using folder = written ? await writeSynthetic(quiet, features) : undefined
    const width = features ? `, ${features.toLocaleString('en')} features` : ''
    const model = folder ? `synthetic, float32 files${width}` : options.model
    const path = folder?.path ?? options.model
    const what = 'bench memory: the measured process'
    const use = await runScript<ChildResult>(what, 'memory-child.ts', { ...options, model: path })
    const { backend, mode, tensorBytes, loadMs, runMs } = use
    const name = { backend, mode, threads: threadsOf(use) }
    return {
      rows: [
        makeRow({ ...name, work: 'load', shape: model }, [loadMs], { flops: 0, bytes: tensorBytes }),
        makeRow({ ...name, work: 'run', shape: String(options.tokens) }, [runMs], noCost),
      ],
      memory: [memoryUse(model, { name: backend, mode }, tensorBytes, use)],
    }
  },

  summary({ memory = [] }) {
    const [{ of_target, run_mb, target_mb }] = memory
    return `ours is ${digits(of_target)} times its target: ${run_mb.toFixed(0)} of ${target_mb.toFixed(0)} MB`
  },
}

/** Peaks in bytes, compared with what the tensors in use allow. */
export function memoryUse(
  model: string,
  { name, mode }: { name: string; mode: string },
  tensorBytes: number,
  { start, loaded, done }: { start: number; loaded: number; done: number },
): MemoryUse {
  const tensorMb = tensorBytes / 1e6
  const targetMb = tensorMb * TARGET_RATIO + TARGET_EXTRA_MB
  return {
    ...{ model, backend: name, mode, tensor_mb: tensorMb },
    ...{ start_mb: start / 1e6, load_mb: loaded / 1e6, run_mb: done / 1e6 },
    ...{ target_mb: targetMb, of_target: done / 1e6 / targetMb },
  }
}

/** The model and the SAE in its middle, the only one loaded then. */
async function writeSynthetic(quiet: boolean, features?: number): Promise<ModelFolder> {
  const source = await findModel('synthetic')
  const layer = Math.floor(source.saes.size / 2)
  const [hook, sae] = [...source.saes][layer]
  const wide = {
    ...sae,
    config: syntheticSaeConfig(layer, features),
    weights: async () => syntheticSaeWeights(layer, features),
  }
  return writeModelFolder({ ...source, saes: new Map([[hook, wide]]) }, [hook], quiet)
}
