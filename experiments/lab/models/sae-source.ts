// Where SAEs come from: folders and files of one's own, a release, a repository of the hub.
import { closeSync, fstatSync, openSync, read } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { JsonFields } from '../../../engine/weights/json-fields.ts'
import { openTorchFile } from '../../../engine/weights/torch-file-node.ts'
import type { WeightStore } from '../../../engine/weights/weights.ts'
import type { Gpt2Config } from '../../../gpt2/config.ts'
import { MOVED, parseSaeConfig, type SaeConfig } from '../../../sae/config.ts'
import { cfgInTorchFile, cfgOf, saeStateDict } from '../../../sae/layouts.ts'
import { UserError } from '../cli/user-error.ts'
import { checkSae } from './check-sae.ts'
import type { Published, SaeFiles } from './hub/releases.ts'
import { openWeights } from './weight-files.ts'

export interface SaeSource {
  readonly config: SaeConfig
  /** What its authors say of it. */
  readonly published?: Published
  weights(): Promise<WeightStore>
  /** Has the system read the weights' file, so that `weights` need not wait for the disk. Never fails. */
  readAhead(): Promise<void>
}

/** SAEs before anything large is read. */
export interface SaeSources {
  /** By hook, in the model's order. */
  readonly saes: ReadonlyMap<string, SaeSource>
  /** Fetches the weights of these hooks' SAEs where they are not on this machine yet. */
  prepareSaes(hooks: readonly string[]): Promise<void>
}

export interface FilePlace<File> {
  /** The paths of files, fetched first where they are not here. */
  readonly locate: (files: readonly File[]) => Promise<string[]>
  /** The path of a file that is here. */
  readonly find: (file: File) => Promise<string | undefined>
}

/** Of files on this machine. */
export const here: FilePlace<string> = { locate: async (paths) => [...paths], find: async (path) => path }

/**
 * Reads the settings of SAEs. Without its config, nothing is held to the model.
 * @throws UserError if one does not fit the model, or two are of one hook
 */
export async function readSaes<File>(
  model: { readonly name: string; readonly config?: Gpt2Config },
  files: readonly SaeFiles<File>[],
  { locate, find }: FilePlace<File>,
): Promise<SaeSources> {
  const configs = await locate(files.flatMap(({ config }) => config ?? []))
  const saes = new Map<string, SaeSource>()
  const paths: string[] = []
  const weightsOf = new Map<string, File>()
  for (const { hook, config: file, weights, settings, published } of files) {
    const path = file ? configs.shift()! : settings ? `${hook} of the release` : (await locate([weights]))[0]
    const said = file || !settings ? await settingsIn(path) : {}
    const config = parseSaeConfig(JSON.stringify(joinSettings(said, settings)), path)
    if (config.hookName !== (hook ?? config.hookName))
      throw new UserError(`${path}: expected the SAE of ${hook}, found that of ${config.hookName}`)
    if (model.config) checkSae(path, config, model.name, model.config)
    const other = [...saes.keys()].indexOf(config.hookName)
    if (other >= 0)
      throw new UserError(
        `${paths[other]} and ${path} are both of ${config.hookName}; keep one of the two folders here`,
      )
    paths.push(path)
    weightsOf.set(config.hookName, weights)
    saes.set(config.hookName, {
      config,
      published,
      weights: async () => openSaeWeights((await locate([weights]))[0]),
      async readAhead() {
        const path = await find(weights).catch(() => undefined)
        if (path !== undefined) await readAhead(path)
      },
    })
  }
  return {
    saes,
    async prepareSaes(hooks) {
      await locate([...weightsOf].filter(([hook]) => hooks.includes(hook)).map(([, weights]) => weights))
    },
  }
}

const TORCH = /\.(pt|pkl|pkl\.gz)$/

/** The tensors of an SAE: safetensors, or what torch.save and pickle write. */
export async function openSaeWeights(path: string): Promise<WeightStore> {
  if (!TORCH.test(path)) return openWeights(path)
  const file = await openTorchFile(path)
  try {
    return { ...saeStateDict(path, file.value), close: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
}

type Settings = Readonly<Record<string, unknown>>

/** What a file says of an SAE: a cfg.json, or weights of torch's that hold their configuration. */
async function settingsIn(path: string): Promise<Settings> {
  if (!TORCH.test(path))
    return cfgOf(Object.fromEntries(new JsonFields(await readText(path), path).entries()))
  const file = await openTorchFile(path)
  try {
    const cfg = cfgInTorchFile(file.value)
    if (cfg) return cfg
    throw new UserError(
      `${path}: expected a configuration (cfg) beside the weights, found none: put it into ${basename(path).replace(TORCH, '_cfg.json')} beside it`,
    )
  } finally {
    await file.close()
  }
}

/** The same with `more`, which comes first: SAELens 6 has in `metadata` what was trained on. */
function joinSettings(said: Settings, more: Settings = {}): Settings {
  if (said.metadata === undefined) return { ...said, ...more }
  const isAbout = ([name]: [string, unknown]) => MOVED.includes(name)
  const [about, others] = [true, false].map((wanted) =>
    Object.fromEntries(Object.entries(more).filter((field) => isAbout(field) === wanted)),
  )
  return { ...said, ...others, metadata: { ...said.metadata, ...about } }
}

/** The settings of the SAE in a folder, or in a file of torch's. */
export async function saeFieldsOf({ config, weights }: SaeFiles<string>): Promise<JsonFields> {
  const path = config ?? weights
  return new JsonFields(JSON.stringify(await settingsIn(path)), path)
}

/**
 * The SAEs of a folder: a folder for each, with cfg.json and weights, or files of torch's; it may be the folder of one SAE, or such a
 * file. None where there is no such folder.
 */
export async function saesIn(path: string): Promise<SaeFiles<string>[]> {
  if (TORCH.test(path)) return [torchSae(path, await readdir(dirname(path)).catch(() => []))]
  const names: string[] = await readdir(path).catch(() => [])
  if (names.includes('cfg.json')) return [await saeInFolder(path)]
  names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })) // blocks.2.x before blocks.10.x
  const found: SaeFiles<string>[] = []
  for (const name of names) {
    const inside = join(path, name)
    if (TORCH.test(name)) found.push(torchSae(inside, names))
    else if ((await stat(inside)).isDirectory()) found.push(await saeInFolder(inside))
  }
  return found
}

async function saeInFolder(folder: string): Promise<SaeFiles<string>> {
  const torch = (await readdir(folder)).find((name) => TORCH.test(name))
  return { config: join(folder, 'cfg.json'), weights: join(folder, torch ?? 'sae_weights.safetensors') }
}

/** A file of torch's, with its settings in it or beside it. names: of the files beside it */
function torchSae(path: string, names: readonly string[]): SaeFiles<string> {
  const config = path.replace(TORCH, '_cfg.json')
  return names.some((name) => join(dirname(path), name) === config)
    ? { config, weights: path }
    : { weights: path }
}

export async function readText(path: string): Promise<string> {
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
