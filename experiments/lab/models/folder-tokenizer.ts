// The tokenizer of a model folder: its own, GPT-2's where that is what the vocabulary is, or none.
import { JsonFields } from '../../../engine/weights/json-fields.ts'
import type { Gpt2Config } from '../../../gpt2/config.ts'
import { createTokenizer, END_OF_TEXT, tokenizerOf, type Tokenizer } from '../../../gpt2/tokenizer.ts'
import {
  checkTokenizerConfig,
  parseTokenizerJson,
  parseVocabAndMerges,
} from '../../../gpt2/tokenizer-file.ts'
import { UserError } from '../cli/user-error.ts'

/** The files that lie in a model folder: on a disk, or as a browser gives them. */
export interface FolderFiles {
  /** What messages call the folder. */
  readonly label: string
  readonly names: readonly string[]
  /** What messages call a file. */
  labelOf(name: string): string
  read(name: string): Promise<string>
}

/** Files that say: this is another kind of tokenizer. */
const OTHER_KINDS = [
  'tokenizer.model',
  'spiece.model',
  'sentencepiece.bpe.model',
  'vocab.txt',
  'tokenizer.tiktoken',
]

/** A tokenizer, and where it is from. */
export interface FoundTokenizer {
  readonly tokenizer: Tokenizer
  /** In words, for a person. */
  readonly origin: string
}

/** Reads the tokenizer among the files of a model folder, as `findTokenizer` says. @throws naming file and setting */
export async function readTokenizer(
  { label: folder, names, labelOf, read }: FolderFiles,
  { dVocab }: Pick<Gpt2Config, 'dVocab'>,
): Promise<FoundTokenizer> {
  const fieldsOf = async (name: string) =>
    names.includes(name) ? new JsonFields(await read(name), labelOf(name)) : undefined
  const settings = await fieldsOf('tokenizer_config.json')
  const bosToken = settings ? checkTokenizerConfig(settings) : END_OF_TEXT
  const own = { size: dVocab, bosToken }

  if (names.includes('tokenizer.json')) {
    const label = labelOf('tokenizer.json')
    const vocabulary = parseTokenizerJson(await read('tokenizer.json'), { label, ...own })
    return { tokenizer: tokenizerOf(vocabulary), origin: label }
  }
  const [vocab, merges] = [labelOf('vocab.json'), labelOf('merges.txt')]
  if (names.includes('vocab.json') || names.includes('merges.txt')) {
    for (const [name, other] of [
      ['vocab.json', 'merges.txt'],
      ['merges.txt', 'vocab.json'],
    ])
      // prettier-ignore
      if (!names.includes(name))
        throw new UserError(`${folder}: there is ${other} but no ${name}: a tokenizer needs both; add it, or tokenizer.json`)
    const vocabulary = parseVocabAndMerges(
      { json: await read('vocab.json'), label: vocab },
      { text: await read('merges.txt'), label: merges },
      await fieldsOf('added_tokens.json'),
      own,
    )
    return { tokenizer: tokenizerOf(vocabulary), origin: `${vocab} and merges.txt` }
  }
  const other = OTHER_KINDS.find((name) => names.includes(name))
  if (other !== undefined)
    throw new UserError(
      `${labelOf(other)} is a tokenizer of another kind than GPT-2's byte-level BPE, which alone can be read: ` +
        'save it as tokenizer.json, if it is one; or take the file away and give --ids',
    )
  const isCut = settings?.text('first_merges_of', 'none') === 'openai-community/gpt2'
  if (dVocab >= GPT2_SIZE || isCut)
    return {
      tokenizer: await createTokenizer({ vocabularySize: dVocab }),
      origin: isCut ? 'GPT-2’s, cut to its first merges' : 'GPT-2’s: the folder has none of its own',
    }
  const reason =
    `${folder}: there is no tokenizer.json, nor vocab.json with merges.txt, and a vocabulary of ${dVocab} is not ` +
    `GPT-2's ${GPT2_SIZE}: put the model's tokenizer there, or give --ids`
  return { tokenizer: idsAlone(dVocab, reason), origin: 'none: ids alone' }
}

const GPT2_SIZE = 50257

/** For a model whose tokens are not known: ids are shown as ids, a text is refused. */
function idsAlone(size: number, reason: string): Tokenizer {
  const none = { tokens: new Map(), ids: new Map(), added: new Map(), endOfText: undefined }
  return {
    ...tokenizerOf({ ...none, size, rankOf: () => undefined, takesWhole: false }),
    encode() {
      throw new UserError(reason)
    },
  }
}

/** BOS is what the tokenizer says: configs often keep GPT-2's id beside a vocabulary of another making. */
export function withBos(config: Gpt2Config, tokenizer: Tokenizer, note: (text: string) => void): Gpt2Config {
  const bos = tokenizer.endOfText ?? config.bos
  if (config.bos !== undefined && bos !== config.bos)
    note(
      `config.json's bos_token_id is ${config.bos}, BOS is the tokenizer's ${tokenizer.pieces([bos!])[0]}, ${bos}`,
    )
  return { ...config, bos }
}
