// The files that a model's or an SAE's weights can be in.
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openFile } from '../../../engine/weights/files-node.ts'
import { openSafetensors } from '../../../engine/weights/safetensors.ts'
import { openShards } from '../../../engine/weights/shards.ts'
import { openStateDict } from '../../../engine/weights/torch-file-node.ts'
import type { WeightStore } from '../../../engine/weights/weights.ts'

/** Those of a model folder, the first that is there is taken, as transformers does. */
const WEIGHT_FILES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const

/** The path of a model folder's weights; that of model.safetensors where there are none. */
export async function weightsPath(folder: string): Promise<string> {
  const names = await readdir(folder)
  return join(folder, WEIGHT_FILES.find((name) => names.includes(name)) ?? WEIGHT_FILES[0])
}

/** Opens safetensors, what torch.save writes, or an index of several of either. */
export async function openWeights(path: string): Promise<WeightStore> {
  if (path.endsWith('.safetensors')) return openSafetensors(await openFile(path))
  if (!path.endsWith('.index.json')) return openStateDict(path)
  return openShards(path, await readFile(path, 'utf8'), (file) => openWeights(join(dirname(path), file)))
}
