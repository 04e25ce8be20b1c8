// From documents to windows to shards: the cuts depend only on the input, so no bit depends on who does the work or how often.
import type { Tokenizer } from '../../../gpt2/tokenizer.ts'
import { windowsOf } from '../../lab/models/windows.ts'
import type { FoundIn } from './read/documents.ts'

/** A run of a document's tokens that the model reads at once. */
export interface CorpusWindow {
  /** BOS first. */
  readonly ids: readonly number[]
  /** The document's number in the corpus, from 0. */
  readonly document: number
  /** The file's number, and the document's row in it. */
  readonly file: number
  readonly row: number
  /** The position in the document of its first token after BOS, counted from 1. */
  readonly from: number
  readonly label?: string
}

/** A place between two windows of a corpus. */
export interface Cursor {
  readonly file: number
  readonly row: number
  /** Documents before the one that begins or continues there. */
  readonly document: number
  /** Windows of that document that come before. */
  readonly window: number
}

export const START: Cursor = { file: 0, row: 1, document: 0, window: 0 }

/** Bad input: the file's number, its row, and what is wrong. */
export interface CorpusFault {
  readonly file: number
  readonly row: number
  readonly fault: string
}

export interface Shard {
  readonly index: number
  readonly windows: readonly CorpusWindow[]
  /** Without BOS. */
  readonly tokens: number
  /** Bad input among its documents, of which at most `LISTED_FAULTS` are listed. */
  readonly faults: readonly CorpusFault[]
  readonly faultCount: number
  /** Where the next one begins. */
  readonly ends: Cursor
  /** Whether it is the last of the corpus. */
  readonly last: boolean
  /** Bytes read of the last file. */
  readonly read: number
}

const LISTED_FAULTS = 1000

/**
 * The shards from a cursor on. A shard is full when it has `shardTokens` tokens or more; the last may be empty.
 * @param found everything from the cursor's file and row on
 * @param nCtx the model's positions: a window has at most nCtx - 1 tokens, and BOS before them
 */
export async function* cutShards(
  found: AsyncIterable<FoundIn>,
  { tokenizer, bos, nCtx }: { tokenizer: Pick<Tokenizer, 'encode'>; bos: number; nCtx: number },
  shardTokens: number,
  from: { readonly index: number; readonly cursor: Cursor },
): AsyncGenerator<Shard> {
  let { index, cursor } = from
  let read = 0
  let windows: CorpusWindow[] = []
  let faults: CorpusFault[] = []
  let [tokens, faultCount] = [0, 0]
  const take = (last: boolean): Shard => {
    const shard = { index, windows, tokens, faults, faultCount, ends: cursor, last, read }
    ;[windows, faults, tokens, faultCount] = [[], [], 0, 0]
    index += 1
    return shard
  }
  const addFault = (fault: CorpusFault) => {
    if (faultCount++ < LISTED_FAULTS) faults.push(fault)
  }
  for await (const one of found) {
    const { file, row } = one
    read = one.read
    const after = { file, row: row + 1, document: cursor.document, window: 0 }
    const ids = 'fault' in one ? one : encoded(tokenizer, one.text)
    if ('fault' in ids) {
      addFault({ file, row, fault: ids.fault })
      cursor = after
      continue
    }
    const { document, window: before } = cursor
    const { label } = one as { label?: string }
    const all = windowsOf([bos, ...ids.tokens], nCtx)
    for (const [i, window] of all.entries()) {
      if (i < before) continue
      windows.push({ ids: window.ids, from: window.from, document, file, row, label })
      tokens += window.length - 1
      const ends = i + 1 === all.length
      cursor = ends ? { ...after, document: document + 1 } : { file, row, document, window: i + 1 }
      if (tokens >= shardTokens) yield take(false)
    }
  }
  yield take(true)
}

function encoded(
  tokenizer: Pick<Tokenizer, 'encode'>,
  text: string,
): { tokens: number[] } | { fault: string } {
  try {
    return { tokens: tokenizer.encode(text) }
  } catch (error) {
    return { fault: (error as Error).message }
  }
}
