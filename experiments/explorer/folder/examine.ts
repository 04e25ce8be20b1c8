// What a folder holds: a model, its SAEs, and how much memory they take; nothing large is read.
import { JsonFields } from '../../../engine/weights/json-fields.ts'
import { parseConfig, type Gpt2Config } from '../../../gpt2/config.ts'
import { allShapes } from '../../../gpt2/weights.ts'
import { parseSaeConfig, type SaeConfig } from '../../../sae/config.ts'
import { cfgOf } from '../../../sae/layouts.ts'
import { siteOf } from '../../../sae/sites.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { checkSae } from '../../lab/models/check-sae.ts'
import { float32Bytes, saeBytes } from '../../lab/models/fits.ts'
import { readFileText, type FolderFile, type ModelFolder } from './model-folder.ts'

export interface FoundSae {
  readonly config: SaeConfig
  readonly weights: FolderFile
}

export interface FoundModel {
  readonly name: string
  readonly config: Gpt2Config
  /** The files beside config.json, by name. */
  readonly files: ReadonlyMap<string, FolderFile>
  /** `model.safetensors`, or the index of several. */
  readonly weights: string
  /** The SAE that is shown at each layer that has any. */
  readonly saes: ReadonlyMap<number, FoundSae>
  /** The size of all weights as float32, with what screening adds. */
  readonly bytes: number
  /** What was found but is not shown, one sentence each. */
  readonly notes: readonly string[]
}

const WEIGHTS = ['model.safetensors', 'model.safetensors.index.json']
const SAE_OF_TORCH = /\.(pt|pth|pkl|pkl\.gz)$/
const TORCH = /\.(bin|pt|pth|pkl|pkl\.gz)$/

/**
 * Finds the model in a folder: the one with config.json, and every SAE, a folder with cfg.json and sae_weights.safetensors each.
 * @throws UserError with what is missing, or what is wrong in which file
 */
export async function examineFolder(folder: ModelFolder): Promise<FoundModel> {
  const place = modelPlace(folder)
  const files = new Map(
    folder.files.flatMap((file) =>
      folderOf(file.path) === place ? [[nameOf(file.path), file] as const] : [],
    ),
  )
  const name = place === '' ? folder.name : nameOf(place)
  const weights = WEIGHTS.find((candidate) => files.has(candidate))
  if (weights === undefined) throw new UserError(noWeights(name, files))
  const said = files.get('config.json')!
  const config = await explained(async () => parseConfig(await readFileText(said), said.path))
  const { saes, notes } = await findSaes(folder, name, config)
  const bytes = [...saes.values()].reduce(
    (sum, sae) => sum + saeBytes(sae.config),
    float32Bytes(allShapes(config)),
  )
  return { name, config, files, weights, saes, bytes, notes }
}

/** The path of the folder that holds config.json, the one nearest the top. */
function modelPlace({ name, files }: ModelFolder): string {
  const depth = (path: string): number => path.split('/').length
  const paths = files.map(({ path }) => path)
  const configs = paths.filter((path) => nameOf(path) === 'config.json').sort((a, b) => depth(a) - depth(b))
  const [first, second] = configs
  if (first === undefined)
    throw new UserError(
      paths.some((path) => nameOf(path) === 'cfg.json')
        ? `${name} holds SAEs and no model: drop the model’s folder and that of its SAEs together`
        : `${name} has no config.json: choose the folder of a GPT-2 as Hugging Face has it, with config.json, model.safetensors and its tokenizer`,
    )
  if (second !== undefined && depth(second) === depth(first))
    throw new UserError(
      `${name} holds more than one model: ${folderOf(first)} and ${folderOf(second)}; choose one`,
    )
  return folderOf(first)
}

function noWeights(name: string, files: ReadonlyMap<string, FolderFile>): string {
  const torch = [...files.keys()].find((file) => TORCH.test(file))
  return torch === undefined
    ? `${name} has config.json and no weights: expected model.safetensors, or model.safetensors.index.json with the files that it names`
    : `${name} has its weights in ${torch}, a file of torch’s, which this page does not read: expected model.safetensors. ` +
        'Load the folder with transformers and save it with save_pretrained, which writes that; or run npm run generate -- --model FOLDER, which reads it as it is'
}

/** The SAEs by layer. @throws UserError if one does not fit the model, or two are of one hook */
async function findSaes({ files }: ModelFolder, name: string, model: Gpt2Config) {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const byHook = new Map<string, FoundSae & { readonly path: string }>()
  for (const said of files.filter(({ path }) => nameOf(path) === 'cfg.json')) {
    const { path } = said
    const config = await explained(async () => {
      const settings = cfgOf(Object.fromEntries(new JsonFields(await readFileText(said), path).entries()))
      return parseSaeConfig(JSON.stringify(settings), path)
    })
    checkSae(path, config, name, model)
    const weightsPath = path.replace(/cfg\.json$/, 'sae_weights.safetensors')
    const weights = byPath.get(weightsPath)
    if (weights === undefined)
      throw new UserError(
        `${path} has no weights beside it: expected ${weightsPath}. Of an SAE in a file of torch’s, npm run save-sae -- --saes FILE --out FOLDER writes both`,
      )
    const other = byHook.get(config.hookName)
    if (other !== undefined)
      throw new UserError(
        `${other.path} and ${path} are both of ${config.hookName}; keep one of the two folders here`,
      )
    byHook.set(config.hookName, { path, config, weights })
  }
  const { saes, notes } = onePerLayer([...byHook.values()])
  return { saes, notes: saes.size === 0 ? [...notes, ...torchNote(files)] : notes }
}

/** Without it, SAEs in files of torch's would seem not to be there. */
function torchNote(files: readonly FolderFile[]): string[] {
  const torch = files.find(({ path }) => SAE_OF_TORCH.test(path))
  return torch === undefined
    ? []
    : [
        `${torch.path} is a file of torch’s, which this page does not read. If it holds an SAE, npm run save-sae -- --saes FILE --out FOLDER saves it as safetensors.`,
      ]
}

/** The page shows one SAE per layer, of the stream; where there are several, the first that the pass reaches. */
function onePerLayer(found: readonly FoundSae[]) {
  const saes = new Map<number, FoundSae>()
  const left: string[] = []
  const order = ({ config }: FoundSae): number => siteOf(config.hookName)!.order
  for (const sae of [...found].sort((a, b) => order(a) - order(b))) {
    const { hookName, hookNameOut } = sae.config
    const { layer, holds } = siteOf(hookName)!
    if (holds !== 'stream' || hookNameOut !== hookName || saes.has(layer)) left.push(hookName)
    else saes.set(layer, sae)
  }
  const notes =
    left.length > 0
      ? [
          `The page shows one SAE of the residual stream per layer; it leaves out those of ${left.join(', ')}.`,
        ]
      : []
  return { saes, notes }
}

/** What a parser says is also meant for people. */
async function explained<T>(read: () => Promise<T>): Promise<T> {
  return read().catch((error: Error) => {
    throw new UserError(error.message, { cause: error })
  })
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** '' for a file of the top folder. */
function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
