// The model on its backend, with all its SAEs.
import type { Backend } from '../../../engine/backend.ts'
import { memorySource } from '../../../engine/weights/bytes.ts'
import { openSafetensors } from '../../../engine/weights/safetensors.ts'
import { WeightsFileError } from '../../../engine/weights/weights.ts'
import type { WeightStore } from '../../../engine/weights/weights.ts'
import { parseConfig } from '../../../gpt2/config.ts'
import { loadGpt2, type Gpt2 } from '../../../gpt2/model.ts'
import { createTokenizer, type Tokenizer } from '../../../gpt2/tokenizer.ts'
import { parseSaeConfig } from '../../../sae/config.ts'
import { loadSae, type Sae } from '../../../sae/weights.ts'
import type { FileFacts } from '../file-facts.ts'
import { damaged, fetchFile, type ModelFiles } from './files.ts'

export interface Model {
  readonly name: string
  readonly gpt2: Gpt2
  readonly tokenizer: Tokenizer
  /** The SAE shown at each layer, which in the bundled model is at its input; undefined where a folder has none. */
  readonly saes: readonly (Sae | undefined)[]
  /** SaeFacts' hints, by layer. */
  readonly hints: readonly (readonly string[])[]
  /** A token as it is shown. */
  nameOf(id: number): string
}

export type OnProgress = (label: string, done: number, total: number) => void

/**
 * Fetches the model and its SAEs, all at once, and loads them onto a backend.
 * @throws Fault for a file that is missing, damaged, or not what this program reads
 */
export async function loadModel(
  ops: Backend,
  base: string,
  files: ModelFiles,
  onProgress: OnProgress,
): Promise<Model> {
  const wanted = [files.hints, files.weights, ...files.saes.map(({ weights }) => weights)]
  const total = wanted.reduce((sum, { bytes }) => sum + bytes, 0)
  let done = 0
  onProgress('fetching the model', done, total)
  const [tokenizer, hints, weights, ...saeWeights] = await Promise.all([
    createTokenizer({ vocabularySize: parseConfig(files.config).dVocab }),
    ...wanted.map((facts) =>
      fetchFile(base, facts, (count) => onProgress('fetching the model', (done += count), total)),
    ),
  ])
  const parts = 1 + saeWeights.length
  onProgress('loading the model', 0, parts)
  const gpt2 = await read(files.weights, weights, (store) => loadGpt2(ops, store, parseConfig(files.config)))
  const saes: Sae[] = []
  for (const [i, { config, weights }] of files.saes.entries()) {
    onProgress('loading the model', i + 1, parts)
    saes.push(await read(weights, saeWeights[i], (store) => loadSae(ops, store, parseSaeConfig(config))))
  }
  return {
    name: files.name,
    gpt2,
    tokenizer,
    saes,
    hints: JSON.parse(new TextDecoder().decode(hints)) as Model['hints'],
    nameOf: keptNames(tokenizer),
  }
}

/** Each name is made only once: a run needs hundreds, most of them those of the run before. */
export function keptNames(tokenizer: Tokenizer): (id: number) => string {
  const names = new Map<number, string>()
  return (id) => {
    const name = names.get(id) ?? tokenizer.pieces([id])[0]
    names.set(id, name)
    return name
  }
}

/** @throws Fault if the bytes are not weights; any other error is not the file's fault */
async function read<T>(
  { path }: FileFacts,
  content: Uint8Array,
  load: (store: WeightStore) => Promise<T>,
): Promise<T> {
  try {
    return await load(await openSafetensors(memorySource(path, content)))
  } catch (error) {
    if (!(error instanceof WeightsFileError)) throw error
    throw damaged(error.message, { cause: error })
  }
}
