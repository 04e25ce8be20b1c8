// A person's own model, from the files of a folder.
import type { Backend } from '../../../engine/backend.ts'
import { openSafetensors } from '../../../engine/weights/safetensors.ts'
import { openShards } from '../../../engine/weights/shards.ts'
import type { WeightStore } from '../../../engine/weights/weights.ts'
import { bosOf } from '../../../gpt2/config.ts'
import { loadGpt2 } from '../../../gpt2/model.ts'
import { allShapes } from '../../../gpt2/weights.ts'
import { loadSae, type Sae } from '../../../sae/weights.ts'
import { readTokenizer, withBos } from '../../lab/models/folder-tokenizer.ts'
import { examineFolder, type FoundModel } from '../folder/examine.ts'
import { fileSource, readFileText, type ModelFolder } from '../folder/model-folder.ts'
import { failureOf, Fault } from './fault.ts'
import { keptNames, type Model, type OnProgress } from './model.ts'

/** A loaded model, and what people should know about it. */
interface LoadedFolder {
  readonly model: Model
  readonly notes: readonly string[]
}

/**
 * Loads the model of a folder and its SAEs, tensor by tensor, straight from its files.
 * @throws Fault with what is missing, or what is wrong in which file
 */
export async function loadFolder(
  ops: Backend,
  folder: ModelFolder,
  onProgress: OnProgress,
): Promise<LoadedFolder> {
  try {
    return await load(ops, await examineFolder(folder), onProgress)
  } catch (error) {
    if (error instanceof Fault || failureOf(error).kind === 'memory') throw error
    const { message } = error as Error
    throw new Fault('folder', `${message}.`, 'Choose another folder, or go back to the bundled model.', {
      cause: error,
    })
  }
}

async function load(ops: Backend, found: FoundModel, onProgress: OnProgress): Promise<LoadedFolder> {
  const { name, files, saes } = found
  const notes = [...found.notes]
  const { tokenizer } = await readTokenizer(
    {
      label: name,
      names: [...files.keys()],
      labelOf: (file) => `${name}/${file}`,
      read: (file) => readFileText(files.get(file)!),
    },
    found.config,
  )
  tokenizer.encode('') // reports a folder without a tokenizer here
  const config = withBos(found.config, tokenizer, (note) => notes.push(`${note}.`))
  bosOf(config) // likewise
  const total = allShapes(config).size + saes.size
  let done = 0
  const onPart = () => onProgress(`reading ${name}`, done++, total)
  const gpt2 = await loadGpt2(ops, await openWeights(found), config, onPart)
  const loaded: (Sae | undefined)[] = []
  for (let layer = 0; layer < config.nLayers; layer++) {
    const sae = saes.get(layer)
    if (sae) onPart()
    loaded.push(sae && (await loadSae(ops, await openSafetensors(fileSource(sae.weights)), sae.config)))
  }
  const hints = loaded.map((sae) => new Array<string>(sae?.config.dSae ?? 0).fill(''))
  return { model: { name, gpt2, tokenizer, saes: loaded, hints, nameOf: keptNames(tokenizer) }, notes }
}

async function openWeights({ files, weights }: FoundModel): Promise<WeightStore> {
  const open = (name: string) => openSafetensors(fileSource(files.get(name)!))
  if (weights.endsWith('.safetensors')) return open(weights)
  const index = files.get(weights)!
  return openShards(index.path, await readFileText(index), async (name) => {
    if (!files.has(name)) throw Object.assign(new Error(name), { code: 'ENOENT' })
    return open(name)
  })
}
