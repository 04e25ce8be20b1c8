// A folder of a model or of SAEs, examined part by part: a fault in one part does not hide the next.
import { access, readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { showShape, type Shape } from '../../../engine/tensor.ts'
import { JsonFields } from '../../../engine/weights/json-fields.ts'
import { selectTensors } from '../../../engine/weights/named-weights.ts'
import { parseConfig, type Gpt2Config } from '../../../gpt2/config.ts'
import { hasOwnUnembedding, selectGpt2Tensors } from '../../../gpt2/weights.ts'
import { saeShapes } from '../../../sae/weights.ts'
import { findTokenizer } from '../../lab/models/own-tokenizer.ts'
import type { SaeFiles } from '../../lab/models/hub/releases.ts'
import { openSaeWeights, saeConfigOf, saesIn } from '../../lab/models/sae-source.ts'
import { openWeights, weightsPath } from '../../lab/models/weight-files.ts'

/** One file, or one kind of file, of a folder. */
export interface Diagnosis {
  readonly what: 'config' | 'tokenizer' | 'weights' | 'SAE config' | 'SAE weights'
  readonly file: string
  /** What was read, under the names of this project. */
  readonly understood: Readonly<Record<string, string>>
  /** Fields of the file that change nothing here. */
  readonly notRead: readonly string[]
  /** Why it cannot be run; undefined if it can. */
  readonly problem?: string
}

/** A model folder's parts, an SAE folder's, or those of the SAE folders within. Nothing large is kept. */
export async function examineFolder(folder: string): Promise<Diagnosis[]> {
  const names: readonly string[] = await readdir(folder)
  const parts: Diagnosis[] = []
  if (names.includes('config.json')) parts.push(...(await examineModel(folder)))
  const inside = names.includes('sae') && !names.includes('cfg.json') ? join(folder, 'sae') : folder
  for (const files of await saesIn(inside)) if (await isThere(files)) parts.push(...(await examineSae(files)))
  return parts
}

/** Whether this is an SAE, and no other folder beside a model. */
const isThere = ({ config = '' }: SaeFiles<string>) =>
  config === '' ||
  access(config).then(
    () => true,
    () => false,
  )

async function examineModel(folder: string): Promise<Diagnosis[]> {
  const file = join(folder, 'config.json')
  const json = await readFile(file, 'utf8')
  let config: Gpt2Config | undefined
  const ofConfig = await examine('config', file, MODEL_FIELDS, async () => {
    config = parseConfig(json, file)
    return { ...config, bos: config.bos ?? 'missing or no id: the tokenizer’s, or --ids alone' }
  })
  if (!config) return [ofConfig]
  const known = config
  const tokenizer = await examine('tokenizer', folder, undefined, async () => {
    const { tokenizer, origin } = await findTokenizer(folder, known)
    const { endOfText } = tokenizer
    const bos = endOfText === undefined ? 'none' : `${tokenizer.pieces([endOfText])[0]}, id ${endOfText}`
    return { from: origin, vocabulary: tokenizer.vocabularySize, bos }
  })
  const path = await weightsPath(folder)
  const weights = await examine('weights', path, undefined, async () => {
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
  return [ofConfig, tokenizer, weights]
}

async function examineSae(files: SaeFiles<string>): Promise<Diagnosis[]> {
  const { weights: path } = files
  let shapes: Map<string, Shape> | undefined
  const ofConfig = await examine('SAE config', files.config ?? path, undefined, async () => {
    const config = await saeConfigOf(files)
    shapes = saeShapes(config)
    return { ...config }
  })
  if (!shapes) return [ofConfig]
  const expected = shapes
  const weights = await examine('SAE weights', path, undefined, async () => {
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
  return [ofConfig, weights]
}

/** Of config.json, those that parseConfig reads, or holds to a value. */
const MODEL_FIELDS = [
  ...[
    'model_type',
    'n_layer',
    'n_embd',
    'n_head',
    'n_inner',
    'n_positions',
    'vocab_size',
    'layer_norm_epsilon',
  ],
  ...['bos_token_id', 'activation_function', 'scale_attn_weights', 'scale_attn_by_inverse_layer_idx'],
  ...['tie_word_embeddings', 'add_cross_attention'],
]

/** @param read the fields of the file that are read; left out where that is not told */
async function examine(
  what: Diagnosis['what'],
  file: string,
  read: readonly string[] | undefined,
  look: () => Promise<Readonly<Record<string, unknown>>>,
): Promise<Diagnosis> {
  try {
    const found = Object.entries(await look())
    const understood = Object.fromEntries(found.map(([name, value]) => [name, String(value)]))
    const all = read
      ? new JsonFields(await readFile(file, 'utf8'), basename(file)).entries().map(([name]) => name)
      : []
    return { what, file, understood, notRead: all.filter((name) => !read!.includes(name)) }
  } catch (error) {
    return { what, file, understood: {}, notRead: [], problem: (error as Error).message }
  }
}
