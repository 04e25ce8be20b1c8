// The model that is to be trained, before it has weights: its sizes, and its tokenizer with the files that hold it.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseConfig, type Gpt2Config } from '../../../gpt2/config.ts'
import { configJson } from '../../../gpt2/save.ts'
import { createTokenizer, type Tokenizer } from '../../../gpt2/tokenizer.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { findTokenizer } from '../../lab/models/own-tokenizer.ts'
import { readText } from '../../lab/texts/texts-node.ts'

/** Sizes as the command line gives them. */
export interface Sizes {
  readonly config?: string
  readonly tokenizer?: string
  readonly layers: number
  readonly width: number
  readonly heads: number
  readonly context: number
  readonly vocabulary?: number
}

/** The vocabulary of the bundled model. */
const VOCABULARY = 4097

/** The config.json that the options ask for, as it will be written. @throws UserError naming what does not fit */
export async function configOf(sizes: Sizes): Promise<string> {
  const { layers, width, heads, context, tokenizer } = sizes
  const given = sizes.config === undefined ? undefined : await readText(sizes.config)
  const vocabulary = async () =>
    sizes.vocabulary ?? (tokenizer === undefined ? VOCABULARY : await vocabularyOf(tokenizer))
  const made = async () =>
    JSON.stringify({
      ...{ model_type: 'gpt2', n_layer: layers, n_embd: width, n_head: heads, n_positions: context },
      vocab_size: await vocabulary(),
    })
  try {
    return configJson(parseConfig(given ?? (await made()), sizes.config ?? 'the sizes given'))
  } catch (error) {
    throw new UserError((error as Error).message, { cause: error })
  }
}

async function vocabularyOf(folder: string): Promise<number> {
  const names = await readdir(folder).catch((): string[] => [])
  if (!names.includes('config.json'))
    throw new UserError(
      `--tokenizer ${folder}: there is no config.json to say how many tokens there are: give --vocabulary`,
    )
  return parseConfig(await readText(join(folder, 'config.json')), join(folder, 'config.json')).dVocab
}

/** Files that make up a tokenizer. */
const FILES = ['tokenizer.json', 'vocab.json', 'merges.txt', 'added_tokens.json', 'tokenizer_config.json']

interface NewModel {
  readonly config: Gpt2Config
  readonly tokenizer: Tokenizer
  /** What is written into the model's folder beside its weights. */
  readonly files: Readonly<Record<string, string>>
}

/** @throws UserError if there is no such tokenizer, or it has no BOS */
export async function newModel(json: string, folder: string | undefined): Promise<NewModel> {
  const parsed = parseConfig(json)
  const { dVocab } = parsed
  const tokenizer =
    folder === undefined ? await bundled(dVocab) : (await findTokenizer(folder, parsed)).tokenizer
  const bos = tokenizer.endOfText ?? parsed.bos
  if (bos === undefined)
    throw new UserError(
      'the tokenizer has no <|endoftext|>, and config.json no bos_token_id: a passage begins with BOS',
    )
  const config = { ...parsed, bos }
  return {
    config,
    tokenizer,
    files: { ...(await filesOf(folder, dVocab)), 'config.json': configJson(config) },
  }
}

async function bundled(vocabularySize: number): Promise<Tokenizer> {
  try {
    return await createTokenizer({ vocabularySize })
  } catch (error) {
    throw new UserError((error as Error).message, { cause: error })
  }
}

/** Of GPT-2's own tokenizer, cut to `dVocab`, a file that says so: see gpt2/tiny. */
async function filesOf(folder: string | undefined, dVocab: number): Promise<Record<string, string>> {
  if (folder === undefined) {
    const settings = { tokenizer_class: 'GPT2Tokenizer', first_merges_of: 'openai-community/gpt2' }
    return dVocab >= GPT2_SIZE ? {} : { 'tokenizer_config.json': JSON.stringify(settings) }
  }
  const names = (await readdir(folder)).filter((name) => FILES.includes(name))
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  )
}

const GPT2_SIZE = 50257
