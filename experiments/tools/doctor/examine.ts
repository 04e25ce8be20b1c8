// A folder of a model or of SAEs, examined part by part: a fault in one part does not hide the next.
import { access, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { showShape } from '../../../engine/tensor.ts'
import { JsonFields } from '../../../engine/weights/json-fields.ts'
import { selectTensors } from '../../../engine/weights/named-weights.ts'
import { readConfig, type Gpt2Config } from '../../../gpt2/config.ts'
import { hasOwnUnembedding, selectGpt2Tensors } from '../../../gpt2/weights.ts'
import { readSaeConfig, type SaeConfig } from '../../../sae/config.ts'
import { saeShapes } from '../../../sae/weights.ts'
import { findTokenizer } from '../../lab/models/own-tokenizer.ts'
import type { SaeFiles } from '../../lab/models/hub/releases.ts'
import { checkSae } from '../../lab/models/check-sae.ts'
import { openSaeWeights, readText, saeFieldsOf, saesIn } from '../../lab/models/sae-source.ts'
import { openWeights, weightsPath } from '../../lab/models/weight-files.ts'

/** One file, or one kind of file, of a folder. */
export interface Diagnosis {
  readonly what: 'config' | 'tokenizer' | 'weights' | 'SAE config' | 'SAE weights' | 'SAEs'
  readonly file: string
  /** What was read, under the names of this project. */
  readonly understood: Readonly<Record<string, string>>
  /** Fields of the file that nothing here reads: unknown ones, too. */
  readonly notRead: readonly string[]
  /** Why it cannot be run; undefined if it can. */
  readonly problem?: string
}

/** A model folder's parts, an SAE's (a folder, or a file of torch's), or those of the SAE folders within. Nothing large is kept. */
export async function examineFolder(path: string): Promise<Diagnosis[]> {
  const names: readonly string[] = await readdir(path).catch(() => [])
  const parts: Diagnosis[] = []
  let model: Gpt2Config | undefined
  if (names.includes('config.json')) {
    const examined = await examineModel(path)
    model = examined.config
    parts.push(...examined.parts)
  }
  const inside = names.includes('sae') && !names.includes('cfg.json') ? join(path, 'sae') : path
  const files = new Map<string, string>() // by hook
  for (const sae of await saesIn(inside)) {
    if (!(await isThere(sae))) continue
    const examined = await examineSae(sae, basename(path), model)
    parts.push(...examined.parts)
    const { hookName } = examined.config ?? {}
    if (hookName === undefined) continue
    const [other, file] = [files.get(hookName), sae.config ?? sae.weights]
    if (other === undefined) files.set(hookName, file)
    else parts.push(twoOf(hookName, inside, other, file))
  }
  return parts
}

const twoOf = (hook: string, folder: string, ...files: string[]): Diagnosis => ({
  ...{ what: 'SAEs', file: folder, understood: {}, notRead: [] },
  problem: `${files.join(' and ')} are both of ${hook}; name one of the two with --saes`,
})

/** Whether this is an SAE, and no other folder beside a model. */
const isThere = ({ config, weights }: SaeFiles<string>) =>
  access(config ?? weights).then(
    () => true,
    () => false,
  )

async function examineModel(folder: string): Promise<{ parts: Diagnosis[]; config?: Gpt2Config }> {
  const file = join(folder, 'config.json')
  let config: Gpt2Config | undefined
  const ofConfig = await examine('config', file, async (notRead) => {
    const fields = new JsonFields(await readText(file), file)
    config = readConfig(fields)
    notRead.push(...fields.unread())
    return {
      ...config,
      bos: config.bos ?? 'missing or not an id: taken from the tokenizer; without one, only --ids works',
    }
  })
  if (!config) return { parts: [ofConfig] }
  const known = config
  const tokenizer = await examine('tokenizer', folder, async () => {
    const { tokenizer, origin } = await findTokenizer(folder, known)
    const { endOfText } = tokenizer
    const bos = endOfText === undefined ? 'none' : `${tokenizer.pieces([endOfText])[0]}, id ${endOfText}`
    return { from: origin, vocabulary: tokenizer.vocabularySize, bos }
  })
  const path = await weightsPath(folder)
  const weights = await examine('weights', path, async () => {
    const store = await openWeights(path)
    try {
      const untied = await hasOwnUnembedding(store, known)
      const sources = [...selectGpt2Tensors(store, known, untied).values()]
      const types = [...new Set(sources.map(({ storedAs }) => storedAs ?? 'unknown'))]
      return {
        tensors: sources.length,
        'stored as': `${types.join(', ')}${types.includes('F64') ? ' (rounded to float32)' : ''}`,
        unembedding: untied ? 'lm_head.weight, a matrix of its own' : 'wte.weight',
      }
    } finally {
      await store.close()
    }
  })
  return { parts: [ofConfig, tokenizer, weights], config }
}

/** @param model that the SAE must fit; left out where it is not known */
async function examineSae(
  files: SaeFiles<string>,
  name: string,
  model?: Gpt2Config,
): Promise<{ parts: Diagnosis[]; config?: SaeConfig }> {
  const { weights: path } = files
  let config: SaeConfig | undefined
  const ofConfig = await examine('SAE config', files.config ?? path, async (notRead) => {
    const fields = await saeFieldsOf(files)
    const read = readSaeConfig(fields)
    if (model) checkSae(files.config ?? path, read, name, model)
    notRead.push(...fields.unread())
    config = read
    return { ...read }
  })
  if (!config) return { parts: [ofConfig] }
  const expected = saeShapes(config)
  const weights = await examine('SAE weights', path, async () => {
    const store = await openSaeWeights(path)
    try {
      const tensors = selectTensors(store, expected, { ignored: /^scaling_factor$/ })
      return Object.fromEntries(
        [...tensors].map(([name, { shape, storedAs }]) => [name, `${showShape(shape)} ${storedAs}`]),
      )
    } finally {
      await store.close()
    }
  })
  return { parts: [ofConfig, weights], config }
}

/** @param look gives what is understood; what is not read it adds to the list it is given */
async function examine(
  what: Diagnosis['what'],
  file: string,
  look: (notRead: string[]) => Promise<Readonly<Record<string, unknown>>>,
): Promise<Diagnosis> {
  const notRead: string[] = []
  try {
    const found = Object.entries(await look(notRead)).filter(([, value]) => value !== undefined)
    return { what, file, understood: Object.fromEntries(found.map(([name, value]) => [name, String(value)])), notRead } // prettier-ignore
  } catch (error) {
    return { what, file, understood: {}, notRead, problem: (error as Error).message }
  }
}
