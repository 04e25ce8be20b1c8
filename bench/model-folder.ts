// A model and its SAEs as float32 files, for benchmarks that measure the loading of files.
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sizeOf } from '../engine/tensor.ts'
import type { WeightStore } from '../engine/weights/weights.ts'
import { onEarlyExit } from '../experiments/lab/cli/cleanup.ts'
import type { ModelSource } from '../experiments/lab/models/model-source.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { explain } from '../experiments/lab/cli/write-node.ts'
import type { Gpt2Config } from '../gpt2/config.ts'
import { saeJson } from '../sae/save.ts'

/** How many numbers are written at once. */
const PIECE = 1 << 20

/** A folder of float32 files in the published formats, deleted when it is disposed of or the process ends. */
export interface ModelFolder extends AsyncDisposable {
  readonly path: string
}

/**
 * Writes a model and the SAEs of `hooks` into a temporary folder in the public formats, so that
 * reading files is measured even where the weights come from a formula.
 */
export async function writeModelFolder(
  source: ModelSource,
  hooks: readonly string[],
  quiet: boolean,
): Promise<ModelFolder> {
  const path = await mkdtemp(join(tmpdir(), 'clearbox-bench-'))
  const takeBack = onEarlyExit(() => rmSync(path, { recursive: true, force: true }))
  const folder: ModelFolder = {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true })
      takeBack()
    },
  }
  using progress = createProgress({
    label: `writing ${source.name} as float32 files`,
    total: 1 + hooks.length,
    unit: 'files',
    quiet,
  })
  await explain(path, async () => {
    await writeFile(join(path, 'config.json'), gpt2Json(source.config))
    await writeTensors(join(path, 'model.safetensors'), await source.weights())
    progress.step()
    for (const hook of hooks) {
      const sae = source.saes.get(hook)!
      await mkdir(join(path, 'sae', hook), { recursive: true })
      await writeFile(join(path, 'sae', hook, 'cfg.json'), saeJson(sae.config))
      await writeTensors(join(path, 'sae', hook, 'sae_weights.safetensors'), await sae.weights())
      progress.step()
    }
  })
  return folder
}

/** A safetensors file, written piece by piece: this process must stay small, or the peak of one that it starts would be its own. */
async function writeTensors(path: string, store: WeightStore): Promise<void> {
  const sources = store.names().map((name) => store.get(name))
  let end = 0
  const entries = sources.map(({ name, shape }) => {
    const data_offsets = [end, (end += 4 * sizeOf(shape))]
    return [name, { dtype: 'F32', shape, data_offsets }]
  })
  const json = JSON.stringify(Object.fromEntries(entries))
  const header = new TextEncoder().encode(json.padEnd(8 * Math.ceil(json.length / 8)))
  await using file = await open(path, 'w')
  await file.writeFile(new BigUint64Array([BigInt(header.length)]))
  await file.writeFile(header)
  for (const source of sources) {
    const size = sizeOf(source.shape)
    const piece = new Float32Array(Math.min(size, PIECE))
    for (let start = 0; start < size; start += PIECE) {
      const part = piece.subarray(0, Math.min(PIECE, size - start))
      await source.read(part, start)
      await file.writeFile(part)
    }
  }
  await file.sync() // or the system would write during what is timed next
  await store.close()
}

/** The fields that `parseConfig` reads. */
function gpt2Json(config: Gpt2Config): string {
  return JSON.stringify({
    model_type: 'gpt2',
    activation_function: 'gelu_new', // that of the timed models
    n_layer: config.nLayers,
    n_embd: config.dModel,
    n_head: config.nHeads,
    n_inner: config.dMlp,
    n_positions: config.nCtx,
    vocab_size: config.dVocab,
    layer_norm_epsilon: config.eps,
    bos_token_id: config.bos,
  })
}
