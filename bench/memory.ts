import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { UserError } from '../experiments/common/cli.ts'
import type { ChildOptions, ChildResult } from './memory-child.ts'
import { makeRow, threadsOf, type MemoryUse, type Row } from './results.ts'

/** The target: the tensors in use and a little, and what Node and the activations need. */
const TARGET_RATIO = 1.15
const TARGET_EXTRA_MB = 150

/**
 * Peak resident memory of a process that loads a model and the SAE in its middle and runs both once: features at
 * the SAE's hook, and the last token's logits. A process of its own, because a peak never goes down again.
 * What it computes is verified by the bench `layers`.
 */
export async function benchMemory(options: ChildOptions): Promise<{ rows: Row[]; memory: MemoryUse[] }> {
  const { model, backend, threads, tokens, offline, dir } = options
  const use = await runChild({ model, backend, threads, tokens, offline, dir })
  const name = { backend: use.backend, mode: use.mode, threads: threadsOf(use) }
  const tensorMb = use.tensorBytes / 1e6
  const targetMb = tensorMb * TARGET_RATIO + TARGET_EXTRA_MB
  return {
    rows: [
      makeRow({ ...name, work: 'load', shape: model }, [use.loadMs], { flops: 0, bytes: use.tensorBytes }),
      makeRow({ ...name, work: 'run', shape: String(tokens) }, [use.runMs], { flops: 0, bytes: 0 }),
    ],
    memory: [
      {
        model,
        backend: use.backend,
        mode: use.mode,
        tensor_mb: tensorMb,
        start_mb: use.start / 1e6,
        load_mb: use.loaded / 1e6,
        run_mb: use.done / 1e6,
        target_mb: targetMb,
        of_target: use.done / 1e6 / targetMb,
      },
    ],
  }
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
