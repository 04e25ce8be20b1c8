// `bench memory`: the peak of resident memory of a process that loads a model and an SAE, and runs both once.
import { positiveInteger } from '../experiments/lab/cli/cli.ts'
import { findModel } from '../experiments/lab/models/model-source.ts'
import { addModel, type Benchmark } from './benchmark.ts'
import { runScript } from './measured-process.ts'
import type { ChildOptions, ChildResult } from './memory-child.ts'
import { writeModelFolder, type ModelFolder } from './model-folder.ts'
import { makeRow, noCost, threadsOf, type MemoryUse } from './rows.ts'
import { digits } from './tables.ts'

/** The target: the tensors in use and a little, and what Node and the activations need. */
const TARGET_RATIO = 1.15
const TARGET_EXTRA_MB = 150

/**
 * Features at the hook in the model's middle, and the last token's logits. A model of a formula is written to files
 * first, which the process then loads, warm in the system's cache. What it computes is verified by the bench `layers`.
 */
export const memory: Benchmark<ChildOptions> = {
  name: 'memory',
  description: 'peak memory of a process that loads and runs a model',
  addOptions: (command) =>
    addModel(command).option('--tokens <n>', 'tokens of the text', positiveInteger('tokens'), 128),

  async run({ quiet, ...options }) {
    await using folder = options.model === 'synthetic' ? await writeSynthetic(quiet) : undefined
    const model = folder ? 'synthetic, float32 files' : options.model
    const path = folder?.path ?? options.model
    const what = 'bench memory: the process that was measured'
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

/** Peaks in bytes, held against what the tensors in use allow. */
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

async function writeSynthetic(quiet: boolean): Promise<ModelFolder> {
  const source = await findModel('synthetic')
  const hooks = [...source.saes.keys()]
  return writeModelFolder(source, [hooks[Math.floor(hooks.length / 2)]], quiet)
}
