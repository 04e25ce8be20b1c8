// Where a model and its SAEs come from: the repository, a folder, the hub, or a formula.
import { closeSync, fstatSync, openSync, read } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { WeightStore } from '../../../engine/weights/weights.ts'
import { gpt2Small, parseConfig, type Gpt2Config } from '../../../gpt2/config.ts'
import { createTokenizer, type Tokenizer } from '../../../gpt2/tokenizer.ts'
import { syntheticWeights } from '../../../gpt2/synthetic/weights.ts'
import { parseSaeConfig, type SaeConfig } from '../../../sae/config.ts'
import {
  syntheticSaeConfig,
  syntheticSaeLayers,
  syntheticSaeWeights,
} from '../../../sae/synthetic/weights.ts'
import { printNote } from '../cli/print.ts'
import { UserError } from '../cli/user-error.ts'
import { layerOf } from './hooks.ts'
import { fetchFiles } from './hub/hub.ts'
import { knownModels, type KnownModel, type SaeFiles } from './hub/known-models.ts'
import { hubSettings } from './hub/settings.ts'
import { findTokenizer } from './own-tokenizer.ts'
import { openWeights, weightsPath } from './weight-files.ts'
import { cacheStore, COMMIT, folderStore, type HubFile } from './hub/store.ts'

/** A model and its SAEs before anything large is read. */
export interface ModelSource {
  readonly name: string
  /** Repository and revision of a known model. */
  readonly origin?: string
  readonly config: Gpt2Config
  /** @throws if the folder's own is of another kind than GPT-2's */
  tokenizer(): Promise<Tokenizer>
  weights(): Promise<WeightStore>
  /** By hook, in the model's order. */
  readonly saes: ReadonlyMap<string, SaeSource>
  /** Fetches the weights of these hooks' SAEs where they are not on this machine yet. */
  prepareSaes(hooks: readonly string[]): Promise<void>
}

export interface SaeSource {
  readonly config: SaeConfig
  weights(): Promise<WeightStore>
  /** Has the system read the weights' file, so that `weights` need not wait for the disk. Never fails. */
  readAhead(): Promise<void>
}

export interface SourceOptions {
  readonly quiet?: boolean
  /** Nothing is fetched. */
  readonly offline?: boolean
  /** A folder of a known model's files, to be used instead of the hub and its cache. */
  readonly dir?: string
}

/** @throws UserError if no model has this name, or its files cannot be had */
export async function findModel(name: string, options: SourceOptions = {}): Promise<ModelSource> {
  const known = Object.keys(knownModels).join(', ')
  if (Object.hasOwn(knownModels, name)) return knownSource(name, knownModels[name], options)
  if (options.dir !== undefined)
    throw new UserError(`--dir holds the files of ${known}: for your own, --model ${options.dir}`)
  if (name === 'tiny') return folderSource('tiny', bundled('gpt2/tiny'), bundled('sae/tiny'))
  if (name === 'synthetic') return syntheticSource()
  const found = await stat(name).catch(() => undefined)
  if (!found?.isDirectory())
    throw new UserError(
      `model "${name}" is neither tiny, nor synthetic, nor ${known}, ` +
        'nor a folder with config.json and model.safetensors or pytorch_model.bin',
    )
  return folderSource(name, name, join(name, 'sae'))
}

const bundled = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

function syntheticSource(): ModelSource {
  const saes = syntheticSaeLayers.map((layer): [string, SaeSource] => {
    const config = syntheticSaeConfig(layer)
    const weights = async () => syntheticSaeWeights(layer)
    return [config.hookName, { config, weights, readAhead: async () => {} }]
  })
  return {
    name: 'synthetic',
    config: gpt2Small,
    tokenizer: () => createTokenizer(),
    weights: async () => syntheticWeights(),
    saes: new Map(saes),
    prepareSaes: async () => {},
  }
}

/** A Hugging Face GPT-2 folder, and a folder with a SAELens folder a hook: <hook>/cfg.json, <hook>/sae_weights.safetensors. */
async function folderSource(name: string, folder: string, saeFolder: string): Promise<ModelSource> {
  const names = await readdir(saeFolder).catch(() => [])
  names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })) // blocks.2.x before blocks.10.x
  const saes = names.map((sae) => ({
    config: join(saeFolder, sae, 'cfg.json'),
    weights: join(saeFolder, sae, 'sae_weights.safetensors'),
  }))
  const source = await sourceOf(
    name,
    { config: join(folder, 'config.json'), weights: await weightsPath(folder), saes },
    { locate: async (paths) => [...paths], find: async (path) => path },
  )
  return { ...source, tokenizer: async () => (await findTokenizer(folder, source.config)).tokenizer }
}

/** A known model: its files from Hugging Face's cache, or a folder, fetched first where that is allowed. */
export async function knownSource(
  name: string,
  model: KnownModel,
  { quiet = false, offline, dir }: SourceOptions,
): Promise<ModelSource> {
  const settings = await hubSettings(process.env, { offline: offline || dir !== undefined })
  const store = dir === undefined ? cacheStore(settings.cacheFolder) : folderStore(dir)
  const locate = (files: readonly HubFile[]) => {
    const wanted = model.saes.filter(({ weights }) => files.includes(weights))
    const layers = wanted.length > 0 ? ` --layers ${wanted.map(({ hook }) => layerOf(hook)).join()}` : ''
    const command = `npm run download -- ${name}${dir === undefined ? '' : ` --dir ${dir}`}${layers}`
    return fetchFiles(settings, store, files, { what: name, command, quiet })
  }
  const saes: SaeFiles[] = []
  for (const sae of model.saes)
    if (!settings.offline || (await store.find(sae.config)) !== undefined) saes.push(sae)
  const source = await sourceOf(name, { ...model, saes }, { locate, find: (file) => store.find(file) })
  const origin = `${model.weights.repo} at ${(await store.commitOf(model.weights)) ?? `unknown revision, from ${dir}`}`
  if (!COMMIT.test(model.weights.revision) && !quiet)
    printNote(`${name}: no revision is pinned; this is ${origin}, the first that was fetched here`)
  return { ...source, origin }
}

/** A model's files: paths, or what paths can be had for. */
interface ModelFiles<File> {
  readonly config: File
  readonly weights: File
  /** `hook` where it is known beforehand. */
  readonly saes: readonly { readonly hook?: string; readonly config: File; readonly weights: File }[]
}

interface FilePlace<File> {
  /** The paths of files, fetched first where they are not here. */
  readonly locate: (files: readonly File[]) => Promise<string[]>
  /** The path of a file that is here. */
  readonly find: (file: File) => Promise<string | undefined>
}

async function sourceOf<File>(
  name: string,
  files: ModelFiles<File>,
  { locate, find }: FilePlace<File>,
): Promise<ModelSource> {
  const [configPath, modelPath, ...saePaths] = await locate([
    files.config,
    files.weights,
    ...files.saes.map((sae) => sae.config),
  ])
  const config = parseConfig(await readText(configPath), configPath)
  const saes = new Map<string, SaeSource>()
  const weightsOf = new Map<string, File>()
  for (const [i, { hook, weights }] of files.saes.entries()) {
    const sae = await readSaeConfig(saePaths[i], name, config, hook)
    const other = [...saes.keys()].indexOf(sae.hookName)
    if (other >= 0)
      throw new UserError(
        `${saePaths[other]} and ${saePaths[i]} are both of ${sae.hookName}; keep one of the two folders here`,
      )
    weightsOf.set(sae.hookName, weights)
    saes.set(sae.hookName, {
      config: sae,
      weights: async () => openWeights((await locate([weights]))[0]),
      async readAhead() {
        const path = await find(weights).catch(() => undefined)
        if (path !== undefined) await readAhead(path)
      },
    })
  }
  return {
    name,
    config,
    tokenizer: () => createTokenizer({ vocabularySize: config.dVocab }),
    weights: () => openWeights(modelPath),
    saes,
    async prepareSaes(hooks) {
      await locate([...weightsOf].filter(([hook]) => hooks.includes(hook)).map(([, weights]) => weights))
    },
  }
}

/** @throws UserError if the SAE reads a stream of another width than the model's, or is one of another hook */
async function readSaeConfig(
  path: string,
  model: string,
  { dModel }: Gpt2Config,
  hook?: string,
): Promise<SaeConfig> {
  const config = parseSaeConfig(await readText(path), path)
  if (config.dIn !== dModel)
    throw new UserError(
      `${path}: the SAE reads a stream of width ${config.dIn}, but ${model}'s is ${dModel} wide`,
    )
  if (config.hookName !== (hook ?? config.hookName))
    throw new UserError(`${path}: expected the SAE of ${hook}, found that of ${config.hookName}`)
  return config
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      `cannot read ${path}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`,
    )
  })
}

const AHEAD_BYTES = 2 ** 22

/**
 * Has the system read a file into its cache. What comes is dropped, so that it takes no memory of this process, all of it
 * into one buffer. Every read is handed over before this returns: the event loop hardly turns while ops compute.
 * What goes wrong is left for the reader that follows to report.
 */
export async function readAhead(path: string): Promise<void> {
  try {
    const file = openSync(path, 'r')
    const buffer = new Uint8Array(AHEAD_BYTES)
    const reads = Array.from({ length: Math.ceil(fstatSync(file).size / AHEAD_BYTES) }, (_, i) => {
      return new Promise<void>((done) => read(file, buffer, 0, AHEAD_BYTES, i * AHEAD_BYTES, () => done()))
    })
    await Promise.all(reads)
    closeSync(file)
  } catch {
    // as said
  }
}
