import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Backend } from '../../engine/backend.ts'
import { openFile } from '../../engine/files-node.ts'
import { openSafetensors } from '../../engine/safetensors.ts'
import type { WeightStore } from '../../engine/weights.ts'
import { gpt2Small, parseConfig, type Gpt2Config } from '../../gpt2/config.ts'
import { loadGpt2, releaseGpt2, type Gpt2 } from '../../gpt2/model.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import { createTokenizer, type Tokenizer } from '../../gpt2/tokenizer.ts'
import { weightShapes } from '../../gpt2/weights.ts'
import { parseSaeConfig, type SaeConfig } from '../../sae/config.ts'
import { syntheticSaeConfig, syntheticSaeWeights } from '../../sae/synthetic/weights.ts'
import { loadSae, type Sae } from '../../sae/weights.ts'
import { UserError } from './cli.ts'
import { createProgress } from './progress.ts'

/** Where a model and its SAEs are to be had, before anything large is read. */
interface ModelSource {
  readonly name: string
  readonly config: Gpt2Config
  weights(): Promise<WeightStore>
  readonly saes: ReadonlyMap<string, { config: SaeConfig; weights(): Promise<WeightStore> }>
}

/** A model loaded on a backend, with its tokenizer and the SAEs that belong to it. */
export interface OpenModel {
  readonly name: string
  readonly gpt2: Gpt2
  readonly tokenizer: Tokenizer
  /** The hooks that there are SAEs for, in the model's order. */
  readonly saeHooks: readonly string[]
  saeConfig(hook: string): SaeConfig
  openSae(hook: string): Promise<Sae>
  /** BOS and the text's ids. @throws UserError if the text has no tokens or more than the model has positions */
  tokenize(text: string): number[]
  release(): void
}

const bundled = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

async function findModel(name: string): Promise<ModelSource> {
  if (name === 'tiny') return folderSource('tiny', bundled('gpt2/tiny'), bundled('sae/tiny'))
  if (name === 'synthetic') return syntheticSource()
  const found = await stat(name).catch(() => undefined)
  if (!found?.isDirectory())
    throw new UserError(
      `model "${name}" is neither tiny, nor synthetic, nor a folder with config.json and model.safetensors`,
    )
  return folderSource(name, name, join(name, 'sae'))
}

/** A Hugging Face GPT-2 folder, and a folder with a SAELens folder a hook: <hook>/cfg.json, <hook>/sae_weights.safetensors. */
async function folderSource(name: string, folder: string, saeFolder: string): Promise<ModelSource> {
  const openStore = async (path: string) => openSafetensors(await openFile(path))
  const configPath = join(folder, 'config.json')
  const config = parseConfig(await readText(configPath), configPath)
  const saes = new Map<string, { config: SaeConfig; weights(): Promise<WeightStore> }>()
  for (const hook of (await readdir(saeFolder).catch(() => [])).sort(byLayer)) {
    const path = join(saeFolder, hook)
    const saeConfig = parseSaeConfig(await readText(join(path, 'cfg.json')), join(path, 'cfg.json'))
    if (saeConfig.dIn !== config.dModel)
      throw new UserError(
        `${path}: the SAE reads a stream of width ${saeConfig.dIn}, but ${name}'s is ${config.dModel} wide`,
      )
    saes.set(saeConfig.hookName, {
      config: saeConfig,
      weights: () => openStore(join(path, 'sae_weights.safetensors')),
    })
  }
  return { name, config, weights: () => openStore(join(folder, 'model.safetensors')), saes }
}

function syntheticSource(): ModelSource {
  const configs = Array.from({ length: gpt2Small.nLayers }, (_, layer) => syntheticSaeConfig(layer))
  return {
    name: 'synthetic',
    config: gpt2Small,
    weights: async () => syntheticWeights(),
    saes: new Map(
      configs.map((config, layer) => [
        config.hookName,
        { config, weights: async () => syntheticSaeWeights(layer) },
      ]),
    ),
  }
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      `cannot read ${path}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`,
    )
  })
}

/** blocks.2.x before blocks.10.x */
function byLayer(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

/**
 * Loads `tiny` (bundled), `synthetic` (GPT-2 small's sizes, weights from a formula), or a folder in Hugging
 * Face's GPT-2 format onto a backend.
 */
export async function openModel(name: string, ops: Backend, { quiet = false } = {}): Promise<OpenModel> {
  const source = await findModel(name)
  const store = await source.weights()
  const total = weightShapes(source.config).size
  using progress = createProgress({ label: `loading ${name}`, total, unit: 'tensors', quiet })
  const gpt2 = await loadGpt2(ops, store, source.config, () => progress.step())
  await store.close()
  const tokenizer = await createTokenizer({ vocabularySize: source.config.dVocab })
  const sae = (hook: string) => {
    const found = source.saes.get(hook)
    if (found) return found
    const known = [...source.saes.keys()].join(', ') || 'none'
    throw new UserError(`there is no SAE of ${name} for ${hook}; there are: ${known}`)
  }
  return {
    name: source.name,
    gpt2,
    tokenizer,
    saeHooks: [...source.saes.keys()],
    saeConfig: (hook) => sae(hook).config,
    async openSae(hook) {
      const source = sae(hook)
      const saeStore = await source.weights()
      try {
        return await loadSae(ops, saeStore, source.config)
      } finally {
        await saeStore.close()
      }
    },
    tokenize: (text) => tokenize(tokenizer, source.config, text),
    release: () => releaseGpt2(gpt2),
  }
}

function tokenize(tokenizer: Tokenizer, { nCtx, bos }: Gpt2Config, text: string): number[] {
  const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
  let ids: number[]
  try {
    ids = tokenizer.encode(text, { maxTokens: nCtx - 1 }) // one position is BOS's
  } catch (error) {
    throw new UserError(`text ${shown}: ${(error as Error).message}`, { cause: error })
  }
  if (ids.length === 0) throw new UserError('the text is empty; give at least one character')
  return [bos, ...ids]
}
