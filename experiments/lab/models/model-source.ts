// Where a model and its SAEs come from: the repository, a folder, the hub, or a formula.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { WeightStore } from '../../../engine/weights/weights.ts'
import { gpt2Small, parseConfig, type Gpt2Config } from '../../../gpt2/config.ts'
import { createTokenizer, type Tokenizer } from '../../../gpt2/tokenizer.ts'
import { syntheticWeights } from '../../../gpt2/synthetic/weights.ts'
import {
  syntheticSaeConfig,
  syntheticSaeLayers,
  syntheticSaeWeights,
} from '../../../sae/synthetic/weights.ts'
import { printNote } from '../cli/print.ts'
import { UserError } from '../cli/user-error.ts'
import { findSaes, hubPlace } from './find-saes.ts'
import { knownModels, type KnownModel } from './hub/known-models.ts'
import type { SaeFiles } from './hub/releases.ts'
import { COMMIT } from './hub/store.ts'
import { findTokenizer } from './own-tokenizer.ts'
import {
  here,
  readSaes,
  readText,
  saesIn,
  type FilePlace,
  type SaeSource,
  type SaeSources,
} from './sae-source.ts'
import type { SourceOptions } from './source-options.ts'
import { openWeights, weightsPath } from './weight-files.ts'

/** A model and its SAEs before anything large is read. */
export interface ModelSource extends SaeSources {
  readonly name: string
  /** Repository and revision of a known model. */
  readonly origin?: string
  readonly config: Gpt2Config
  /** @throws if the folder's own is of another kind than GPT-2's */
  tokenizer(): Promise<Tokenizer>
  weights(): Promise<WeightStore>
  /** Where the SAEs come from, if they were asked for. */
  readonly saesOrigin?: string
}

/** @throws UserError if no model has this name, or its files are not available */
export async function findModel(name: string, options: SourceOptions = {}): Promise<ModelSource> {
  const { saes } = options
  if (saes === undefined) return findWithItsSaes(name, options)
  const alone = await findWithItsSaes(name, options)
  return { ...alone, ...(await findSaes(saes, alone, options)), saesOrigin: saes }
}

async function findWithItsSaes(name: string, options: SourceOptions): Promise<ModelSource> {
  const known = Object.keys(knownModels).join(', ')
  if (Object.hasOwn(knownModels, name)) {
    const model = knownModels[name]
    return knownSource(name, options.saes === undefined ? model : { ...model, saes: [] }, options)
  }
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

/** A Hugging Face GPT-2 folder, and a folder of SAEs. */
async function folderSource(name: string, folder: string, saeFolder: string): Promise<ModelSource> {
  const files = { config: join(folder, 'config.json'), weights: await weightsPath(folder) }
  const source = await sourceOf(name, { ...files, saes: await saesIn(saeFolder) }, here)
  return { ...source, tokenizer: async () => (await findTokenizer(folder, source.config)).tokenizer }
}

/** A known model: its files from Hugging Face's cache, or a folder, fetched first where that is allowed. */
export async function knownSource(
  name: string,
  model: KnownModel,
  options: SourceOptions,
): Promise<ModelSource> {
  const { dir, quiet = false } = options
  const place = await hubPlace(name, model.saes, options)
  const source = await sourceOf(name, { ...model, saes: await place.available() }, place)
  const origin = `${model.weights.repo} at ${(await place.commitOf(model.weights)) ?? `unknown revision, from ${dir}`}`
  if (!COMMIT.test(model.weights.revision) && !quiet)
    printNote(`${name}: no revision is pinned; this is ${origin}, the first that was fetched here`)
  return { ...source, origin }
}

/** A model's files: paths, or files that paths can be found for. */
interface ModelFiles<File> {
  readonly config: File
  readonly weights: File
  readonly saes: readonly SaeFiles<File>[]
}

async function sourceOf<File>(
  name: string,
  files: ModelFiles<File>,
  place: FilePlace<File>,
): Promise<ModelSource> {
  const [configPath, modelPath] = await place.locate([
    files.config,
    files.weights,
    ...files.saes.flatMap(({ config }) => config ?? []), // all that is missing is announced, and fetched, at once
  ])
  const config = parseConfig(await readText(configPath), configPath)
  return {
    name,
    config,
    tokenizer: () => createTokenizer({ vocabularySize: config.dVocab }),
    weights: () => openWeights(modelPath),
    ...(await readSaes({ name, config }, files.saes, place)),
  }
}
