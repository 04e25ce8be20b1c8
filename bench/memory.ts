import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { UserError } from '../experiments/lab/cli/cli.ts'
import { findModel } from '../experiments/lab/models/model-sources.ts'
import type { ChildOptions, ChildResult } from './memory-child.ts'
import { writeModelFolder, type ModelFolder } from './model-folder.ts'
import { makeRow, threadsOf, type MemoryUse, type Row } from './rows.ts'

/** The target: the tensors in use and a little, and what Node and the activations need. */
const TARGET_RATIO = 1.15
const TARGET_EXTRA_MB = 150

/**
 * Peak resident memory of a process that loads a model and the SAE in its middle and runs both once: features at
 * the SAE's hook, and the last token's logits. A process of its own, because a peak never goes down again. A model of
 * a formula is written to files first, which that process then loads, warm in the system's cache.
 * What it computes is verified by the bench `layers`.
 */
export async function benchMemory(
  options: ChildOptions & { json?: boolean },
): Promise<{ rows: Row[]; memory: MemoryUse[] }> {
  const { backend, threads, tokens, offline, dir, json: quiet = false } = options
  await using folder = options.model === 'synthetic' ? await writeSynthetic(quiet) : undefined
  const model = folder ? 'synthetic, float32 files' : options.model
  const path = folder?.path ?? options.model
  const use = await runChild({ model: path, backend, threads, tokens, offline, dir })
  const name = { backend: use.backend, mode: use.mode, threads: threadsOf(use) }
  return {
    rows: [
      makeRow({ ...name, work: 'load', shape: model }, [use.loadMs], { flops: 0, bytes: use.tensorBytes }),
      makeRow({ ...name, work: 'run', shape: String(tokens) }, [use.runMs], { flops: 0, bytes: 0 }),
    ],
    memory: [memoryUse(model, { name: use.backend, mode: use.mode }, use.tensorBytes, use)],
  }
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

async function runChild(options: ChildOptions): Promise<ChildResult> {
  const script = fileURLToPath(new URL('memory-child.ts', import.meta.url))
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(options)])
    return JSON.parse(stdout) as ChildResult
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string }
    throw new UserError(`bench memory: the process that was measured failed: ${stderr?.trim() || message}`, {
      cause: error,
    })
  }
}
