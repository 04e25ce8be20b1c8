// A model folder's own tokenizer: tokenizer.json, or vocab.json with merges.txt, where it is byte-level BPE as GPT-2's.
import { cut, show } from '../engine/weights/json.ts'
import { JsonFields } from '../engine/weights/json-fields.ts'
import { byteString } from './byte-strings.ts'
import { END_OF_TEXT, type Vocabulary } from './tokenizer.ts'

/** A token that is no outcome of merges. */
interface AddedToken {
  readonly id: number
  readonly content: string
  /** Special ones stand for no text: they are not looked for in one. */
  readonly special: boolean
}

/** The file that a vocabulary is read from, and how many ids the model has for it. */
interface Origin {
  readonly label: string
  /** `vocab_size` of config.json; ids that the file has no token for are padding. */
  readonly size: number
  /** `bos_token` of tokenizer_config.json: what is put before a text. */
  readonly bosToken: string
}

/** Ranks share a float64 with positions: see bpe.ts. */
const MOST_MERGES = 2 ** 21

/**
 * Reads a Hugging Face `tokenizer.json`. `truncation` and `padding` are not read, as in transformers.
 * @throws naming the setting that is not as in GPT-2's tokenizer, what it holds and what is expected
 */
export function parseTokenizerJson(json: string, origin: Origin): Vocabulary {
  const { label } = origin
  const fields = new JsonFields(json, label)
  fields.require({ normalizer: [null, undefined] })
  fields
    .object('pre_tokenizer')
    .require({ type: ['ByteLevel'], add_prefix_space: [false], use_regex: [true, undefined] })
  fields.object('decoder').require({ type: ['ByteLevel'] })
  checkPostProcessor(fields)
  const model = fields.object('model')
  model.require({
    type: ['BPE', undefined], // old files leave it out
    dropout: [null, undefined, 0],
    continuing_subword_prefix: [null, undefined, ''],
    end_of_word_suffix: [null, undefined, ''],
    byte_fallback: [false, undefined],
  })
  const added = fields
    .list('added_tokens')
    .map((token, i) => addedToken(token, `${label}: added_tokens ${i}`))
  const merges = model.list('merges').map((merge) => pairOf(merge, `${label}: model: merges`))
  const takesWhole = model.flag('ignore_merges', false)
  return vocabularyOf(model.entries('vocab'), merges, added, takesWhole, origin)
}

/**
 * Reads `vocab.json`, `merges.txt` and, where there is one, `added_tokens.json`, the files of GPT-2's first tokenizers.
 * @throws naming the entry that is wrong
 */
export function parseVocabAndMerges(
  vocab: { readonly json: string; readonly label: string },
  merges: { readonly text: string; readonly label: string },
  addedTokens: JsonFields | undefined,
  { size, bosToken }: Omit<Origin, 'label'>,
): Vocabulary {
  const lines = merges.text.split('\n').map((line) => line.replace(/\r$/, ''))
  const pairs = lines
    .filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')))
    .map((line) => pairOf(line, merges.label))
  const tokens = new JsonFields(vocab.json, vocab.label).entries()
  const bos = tokens.filter(([content]) => content === bosToken)
  const added = [...bos, ...(addedTokens?.entries() ?? [])].map(([content, id]) =>
    addedToken({ id, content, special: content === bosToken }, addedTokens?.label ?? vocab.label),
  )
  return vocabularyOf(tokens, pairs, added, false, { label: vocab.label, size, bosToken })
}

/**
 * Holds `tokenizer_config.json` to what is implemented.
 * @returns `bos_token`, or GPT-2's where it names none
 * @throws naming the field
 */
export function checkTokenizerConfig(fields: JsonFields): string {
  fields.require({
    add_prefix_space: [false, undefined],
    tokenizer_class: [
      ...['GPT2Tokenizer', 'GPT2TokenizerFast', 'PreTrainedTokenizerFast', 'TokenizersBackend'],
      undefined,
    ],
  })
  const [, token] = fields.entries().find(([name]) => name === 'bos_token') ?? []
  const content: unknown =
    typeof token === 'object' && token !== null && 'content' in token ? token.content : token
  return typeof content === 'string' ? content : END_OF_TEXT
}

/** What is put around a text: nothing, or a token before it, as BOS is here too. */
function checkPostProcessor(fields: JsonFields): void {
  const processor = fields.object('post_processor')
  processor.require({ type: ['ByteLevel', 'TemplateProcessing', undefined] })
  const around = processor.list('single').map((part) => Object.keys(Object(part) as object)[0])
  if (around.length > 2 || (around.length > 0 && around.at(-1) !== 'Sequence'))
    throw new Error(
      `${fields.label}: post_processor: single puts ${around.join(', ')} together, ` +
        'expected the text alone (Sequence), or one special token before it: nothing is put behind a text here',
    )
}

function vocabularyOf(
  vocab: Iterable<[string, unknown]>,
  merges: readonly (readonly [string, string])[],
  added: readonly AddedToken[],
  takesWhole: boolean,
  { label, size, bosToken }: Origin,
): Vocabulary {
  const tokens = new Map<number, string>()
  const ids = new Map<string, number>()
  const put = (name: string, id: unknown, bytes: string): number => {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= size)
      throw new Error(
        `${label}: token ${show(name)} has id ${show(id)}, expected a whole number from 0 to ${size - 1}, the model's vocab_size`,
      )
    const other = tokens.get(id as number)
    if (other !== undefined && other !== bytes)
      throw new Error(`${label}: id ${show(id)} stands for two tokens, one of them ${show(name)}`)
    tokens.set(id as number, bytes)
    return id as number
  }
  for (const { content, id } of added) put(content, id, byteString(content))
  const addedContents = new Set(added.map(({ content }) => content))
  for (const [name, id] of vocab) {
    if (addedContents.has(name)) continue
    const bytes = bytesOfName(name, label)
    ids.set(bytes, put(name, id, bytes))
  }
  if (merges.length > MOST_MERGES) throw new Error(`${label}: expected at most ${MOST_MERGES} merges`)
  const ranks = new Map<string, number>()
  for (const [rank, [left, right]] of merges.entries()) {
    const [before, after] = [bytesOfName(left, label), bytesOfName(right, label)]
    if (!ids.has(before + after))
      throw new Error(
        `${label}: the merge of ${show(left)} and ${show(right)} gives no token of the vocabulary: do the files belong together?`,
      )
    if (!ranks.has(pairKey(before, after))) ranks.set(pairKey(before, after), rank)
  }
  return {
    size,
    tokens,
    ids,
    rankOf: (left, right) => ranks.get(pairKey(left, right)),
    takesWhole,
    added: new Map(added.filter(({ special }) => !special).map(({ content, id }) => [content, id])),
    endOfText: added.find(({ content }) => content === bosToken)?.id,
  }
}

/** No byte string holds this character. */
const pairKey = (left: string, right: string): string => `${left}\u0100${right}`

function pairOf(merge: unknown, label: string): readonly [string, string] {
  const pair: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : []
  const [left, right] = pair
  if (pair.length === 2 && typeof left === 'string' && typeof right === 'string') return [left, right]
  throw new Error(`${label}: expected two tokens that merge, found ${show(merge)}`)
}

function addedToken(token: unknown, label: string): AddedToken {
  const fields = new JsonFields(JSON.stringify(token), label)
  const no = [false, undefined]
  fields.require({ single_word: no, lstrip: no, rstrip: no })
  return {
    id: fields.integer('id', { min: 0 }),
    content: fields.text('content'),
    special: fields.flag('special', false),
  }
}

/**
 * Of each character that stands for a byte in a vocabulary, the byte: itself where it can be printed, the others are
 * moved to U+0100 and beyond, in order (github.com/openai/gpt-2, encoder.py).
 */
const BYTE_OF: ReadonlyMap<string, number> = (() => {
  const isPrinted = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
  let moved = 0x100
  return new Map(
    Array.from({ length: 256 }, (_, byte) => [String.fromCharCode(isPrinted(byte) ? byte : moved++), byte]),
  )
})()

function bytesOfName(name: string, label: string): string {
  let bytes = ''
  for (const character of name) {
    const byte = BYTE_OF.get(character)
    if (byte === undefined)
      throw new Error(
        `${label}: token ${show(name)} holds ${cut(JSON.stringify(character))}, which stands for no byte in GPT-2's alphabet: ` +
          'this is another kind of tokenizer; give --ids instead of texts',
      )
    bytes += String.fromCharCode(byte)
  }
  return bytes
}
