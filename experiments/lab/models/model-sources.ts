import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gpt2Small } from '../../../gpt2/config.ts'
import { syntheticWeights } from '../../../gpt2/synthetic/weights.ts'
import {
  syntheticSaeConfig,
  syntheticSaeLayers,
  syntheticSaeWeights,
} from '../../../sae/synthetic/weights.ts'
import { UserError } from '../cli/user-error.ts'
import { publishedModels } from './hub/known-models.ts'
import { publishedSource } from './hub/source.ts'
import {
  openStore,
  readAhead,
  readConfig,
  readSaeConfig,
  type ModelSource,
  type SaeSource,
  type SourceOptions,
} from './model-files.ts'

/** @throws UserError if no model has this name, or its files cannot be had */
export async function findModel(name: string, options: SourceOptions = {}): Promise<ModelSource> {
  if (Object.hasOwn(publishedModels, name)) return publishedSource(name, publishedModels[name], options)
  if (options.dir !== undefined)
    throw new UserError(
      `--dir holds the files of ${Object.keys(publishedModels).join(', ')}: for your own, --model ${options.dir}`,
    )
  if (name === 'tiny') return folderSource('tiny', bundled('gpt2/tiny'), bundled('sae/tiny'))
  if (name === 'synthetic') return syntheticSource()
  const found = await stat(name).catch(() => undefined)
  if (!found?.isDirectory())
    throw new UserError(
      `model "${name}" is neither tiny, nor synthetic, nor ${Object.keys(publishedModels).join(', ')}, ` +
        'nor a folder with config.json and model.safetensors',
    )
  return folderSource(name, name, join(name, 'sae'))
}

const bundled = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

/** A Hugging Face GPT-2 folder, and a folder with a SAELens folder a hook: <hook>/cfg.json, <hook>/sae_weights.safetensors. */
async function folderSource(name: string, folder: string, saeFolder: string): Promise<ModelSource> {
  const config = await readConfig(join(folder, 'config.json'))
  const hooks = (await readdir(saeFolder).catch(() => [])).sort(byLayer)
  const saes = await Promise.all(
    hooks.map(async (hook): Promise<[string, SaeSource]> => {
      const sae = await readSaeConfig(join(saeFolder, hook, 'cfg.json'), name, config)
      const path = join(saeFolder, hook, 'sae_weights.safetensors')
      return [sae.hookName, { config: sae, weights: () => openStore(path), readAhead: () => readAhead(path) }]
    }),
  )
  return {
    name,
    config,
    weights: () => openStore(join(folder, 'model.safetensors')),
    saes: new Map(saes),
    prepareSaes: async () => {},
  }
}

function syntheticSource(): ModelSource {
  const saes = syntheticSaeLayers.map((layer): [string, SaeSource] => {
    const config = syntheticSaeConfig(layer)
    const weights = async () => syntheticSaeWeights(layer)
    return [config.hookName, { config, weights, readAhead: async () => {} }]
  })
  return {
    name: 'synthetic',
    config: gpt2Small,
    weights: async () => syntheticWeights(),
    saes: new Map(saes),
    prepareSaes: async () => {},
  }
}

/** blocks.2.x before blocks.10.x */
function byLayer(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
