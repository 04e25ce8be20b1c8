// GPT-2's tokenizer.
import { bytePairEncode } from './bpe.ts'
import { byteArray, byteString, showBytes, utf8Decoder } from './byte-strings.ts'
import {
  refuseCertainlyTooLong,
  refuseRanks,
  refuseSize,
  tooLong,
  unknownBytes,
  unknownId,
} from './tokenizer-refusals.ts'

/** Text to token ids and back: byte-level BPE as GPT-2's. No call changes what another gives. */
export interface Tokenizer {
  /** Ids are 0 to `vocabularySize - 1`. */
  readonly vocabularySize: number
  /** The id of `<|endoftext|>`, or of what else a vocabulary has as BOS; undefined where it has none. */
  readonly endOfText: number | undefined
  /** UTF-8 bytes of the longest token: a text of n bytes has at least n / longestToken tokens. */
  readonly longestToken: number
  /**
   * The ids of a text, without BOS. Never `endOfText`, nor another special token: inside a text it is plain characters.
   * Lone surrogates, which UTF-8 cannot write, become U+FFFD.
   * @throws RangeError if the text has more than `maxTokens` tokens; where its length alone tells, before any work.
   * Without `maxTokens`, a RangeError on a run of 4 million characters beyond U+FFFF: the regular expression's stack
   */
  encode(text: string, options?: { maxTokens?: number }): number[]
  /**
   * The text of some ids; `endOfText` gives `<|endoftext|>`, bytes that are not UTF-8 give U+FFFD, an id that the
   * vocabulary has no text for (padding) gives `⟨id 50300⟩`.
   * @throws if an id is not a whole number from 0 to `vocabularySize - 1`
   */
  decode(ids: readonly number[]): string
  /**
   * One string a token, for display. Of a character that is split over several tokens each shows its own bytes, as
   * `⟨f0 9f⟩`. Throws as `decode` does.
   */
  pieces(ids: readonly number[]): string[]
  /**
   * A decoder for ids that come one at a time: each call gives the text that its id completes, the bytes of an
   * unfinished character wait. A last call without an id gives what still waits, as U+FFFD. All strings
   * together are what `decode` gives. Throws as `decode` does.
   */
  stream(): (id?: number) => string
}

export const END_OF_TEXT = '<|endoftext|>'
const GPT2_VOCABULARY_SIZE = 50257

/**
 * Cuts a text into pre-tokens, over whose borders nothing is merged. The pattern is that of GPT-2's encoder.py
 * (github.com/openai/gpt-2), its `\s` written out: JavaScript's `\s` takes U+FEFF for a space, and U+0085 for none.
 */
const PRE_TOKEN =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

/** What makes one byte-level BPE differ from another. */
export interface Vocabulary {
  readonly size: number
  /** The byte string of each id, one character a byte. */
  readonly tokens: ReadonlyMap<number, string>
  /** The ids that byte strings are encoded to. */
  readonly ids: ReadonlyMap<string, number>
  /** Of a merge of two byte strings; see bytePairEncode. */
  readonly rankOf: (left: string, right: string) => number | undefined
  /** Whether a pre-token that is a token is taken whole, whatever the merges would make of it. */
  readonly takesWhole: boolean
  /** Texts that are taken out, each as one token, before anything is cut. */
  readonly added: ReadonlyMap<string, number>
  readonly endOfText: number | undefined
}

/**
 * GPT-2's tokenizer, with all its 50,257 tokens or cut to its first merges: then ids below `vocabularySize - 1` are
 * GPT-2's, and `vocabularySize - 1` is `<|endoftext|>`. Ids from 50,257 on are padding, without a text.
 * `vocabularySize` is from 257 (the bytes alone); 50,257 if left out.
 * @throws if `vocabularySize` is less
 */
export async function createTokenizer({
  vocabularySize = GPT2_VOCABULARY_SIZE,
}: { vocabularySize?: number } = {}): Promise<Tokenizer & { readonly endOfText: number }> {
  refuseSize(vocabularySize)
  const endOfText = Math.min(vocabularySize, GPT2_VOCABULARY_SIZE) - 1
  const tokens = await loadTokens(endOfText)
  const ids = new Map(tokens.map((bytes, id) => [bytes, id]))
  const tokenizer = tokenizerOf({
    size: vocabularySize,
    tokens: new Map([...tokens.entries(), [endOfText, END_OF_TEXT]]),
    ids,
    rankOf: (left, right) => ids.get(left + right), // lower ids were learned first
    takesWhole: true, // the merges would make the same of it
    added: new Map(),
    endOfText,
  })
  return { ...tokenizer, endOfText }
}

/** Words come again and again: the ids of so many pre-tokens are remembered, 10 MB at most. Longer ones seldom do. */
const MEMO_SIZE = 32_768
const MEMO_LENGTH = 32

/** The tokenizer of any vocabulary of this kind. */
export function tokenizerOf(vocabulary: Vocabulary): Tokenizer {
  const { size, tokens, ids, rankOf, takesWhole, added, endOfText } = vocabulary
  const made = [...ids.keys(), ...[...added.keys()].map(byteString)]
  const longestToken = made.reduce((longest, bytes) => Math.max(longest, bytes.length), 1)
  const cutAdded = cutterOf(added)

  const bytesOfId = (id: number): string => {
    const bytes = tokens.get(id)
    if (bytes !== undefined) return bytes
    if (!Number.isInteger(id) || id < 0 || id >= size) throw unknownId(id, size)
    return byteString(`⟨id ${id}⟩`)
  }

  const idOf = (bytes: string): number => {
    const id = ids.get(bytes)
    if (id === undefined) throw unknownBytes(bytes)
    return id
  }

  const known = new Map<string, readonly number[]>()
  const idsOf = (preToken: string): readonly number[] => {
    const before = known.get(preToken)
    if (before) return before
    const bytes = byteString(preToken)
    const found =
      takesWhole && ids.has(bytes) ? [idOf(bytes)] : bytePairEncode(bytes, rankOf, longestToken).map(idOf)
    if (preToken.length > MEMO_LENGTH) return found
    if (known.size === MEMO_SIZE) known.clear()
    known.set(preToken, found)
    return found
  }

  return {
    vocabularySize: size,
    endOfText,
    longestToken,
    encode(text, { maxTokens } = {}) {
      if (maxTokens !== undefined) refuseCertainlyTooLong(text, maxTokens, longestToken)
      const found: number[] = []
      for (const part of cutAdded(text)) {
        const whole = added.get(part)
        if (whole !== undefined) found.push(whole)
        else
          for (const [preToken] of part.matchAll(PRE_TOKEN)) for (const id of idsOf(preToken)) found.push(id)
      }
      if (maxTokens !== undefined && found.length > maxTokens) throw tooLong(`${found.length}`, maxTokens)
      return found
    },
    decode: (ids) => utf8Decoder().decode(byteArray(ids.map(bytesOfId).join(''))),
    pieces: (ids) => ids.map((id) => showBytes(bytesOfId(id))),
    stream() {
      const decoder = utf8Decoder()
      return (id) =>
        id === undefined ? decoder.decode() : decoder.decode(byteArray(bytesOfId(id)), { stream: true })
    },
  }
}

/** Cuts a text into the added tokens in it, of two at one place the longer, and what is between them. */
function cutterOf(added: ReadonlyMap<string, number>): (text: string) => string[] {
  if (added.size === 0) return (text) => [text]
  const longestFirst = [...added.keys()].sort((a, b) => b.length - a.length)
  const pattern = new RegExp(`(${longestFirst.map((token) => RegExp.escape(token)).join('|')})`, 'u')
  return (text) => text.split(pattern)
}

/**
 * The byte strings of the first `count` tokens, in the order of their ids.
 * js-tiktoken keeps them on one line: `! 0` (the first id), then each token in base64.
 */
async function loadTokens(count: number): Promise<string[]> {
  const { default: gpt2 } = await import('js-tiktoken/ranks/gpt2')
  const [mark, firstId, ...tokens] = gpt2.bpe_ranks.split(' ', count + 2)
  refuseRanks(mark, firstId, tokens.length, count)
  return tokens.map((base64) => atob(base64))
}
