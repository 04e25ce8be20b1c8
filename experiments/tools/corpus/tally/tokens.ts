// The tokens of a shard, without BOS, and which of them are sampled.
import type { CorpusWindow } from '../cut.ts'
import { mixed, tokenHash } from './hash.ts'
import { MOST_LABELS } from './tally.ts'

/** How many tokens of a corpus co-firing is counted on; a shard's file holds as many candidates. */
export const SAMPLE = 16_384

/** A shard's tokens, each with its window; arrays are [tokens]. */
export interface ShardTokens {
  readonly windows: readonly CorpusWindow[]
  /** The number of its window. */
  readonly window: Uint32Array
  /** The token's place in the window's ids. */
  readonly place: Uint32Array
  /** hash(seed, document, position) */
  readonly hashes: Uint32Array
  /** An index into `labels`, or -1. */
  readonly label: Int32Array
  readonly labels: readonly string[]
  /** How many tokens have each label. */
  readonly labelTokens: readonly number[]
  /** The sampled tokens, by rising hash. */
  readonly sample: Uint32Array
}

/** What labels beyond the first `MOST_LABELS` of a shard, or of a corpus, count as. */
export const OTHER_LABELS = '(other)'

/** A list of labels that adds new ones as they come, up to `MOST_LABELS`. */
export class LabelList {
  readonly names: string[] = []
  readonly #indices = new Map<string, number>()

  /** The label's index. */
  add(label: string): number {
    const name = this.#indices.has(label) || this.names.length < MOST_LABELS ? label : OTHER_LABELS
    const index = this.#indices.get(name) ?? this.names.push(name) - 1
    this.#indices.set(name, index)
    return index
  }
}

export function shardTokens(windows: readonly CorpusWindow[], seed: number): ShardTokens {
  const tokens = windows.reduce((sum, { ids }) => sum + ids.length - 1, 0)
  const [window, place] = [new Uint32Array(tokens), new Uint32Array(tokens)]
  const [hashes, label] = [new Uint32Array(tokens), new Int32Array(tokens)]
  const labels = new LabelList()
  const labelTokens: number[] = []
  let at = 0
  for (const [w, { ids, from, document, label: name }] of windows.entries()) {
    const index = name === undefined ? -1 : labels.add(name)
    if (index >= 0) labelTokens[index] = (labelTokens[index] ?? 0) + ids.length - 1
    for (let i = 1; i < ids.length; i++, at++) {
      window[at] = w
      place[at] = i
      hashes[at] = tokenHash(seed, document, from + i - 1)
      label[at] = index
    }
  }
  const sample = smallest(hashes)
  return { windows, window, place, hashes, label, labels: labels.names, labelTokens, sample }
}

/** The tokens with the smallest hashes, by rising hash, then number. */
export function smallest(hashes: Uint32Array): Uint32Array {
  // Hashes are spread evenly: only rarely are fewer than SAMPLE of them below this, and sorting all takes several times as long.
  const likely = 1.1 * (SAMPLE / hashes.length) * 2 ** 32
  const few = keysBelow(hashes, likely)
  const keys = few.length >= SAMPLE ? few : keysBelow(hashes, 2 ** 32)
  return Uint32Array.from(keys.sort().subarray(0, SAMPLE), (key) => key % 2 ** 21)
}

/** Hash, then number, as one number that sorts like both: exact, below 2^53. */
function keysBelow(hashes: Uint32Array, limit: number): Float64Array {
  const keys = new Float64Array(hashes.length)
  let found = 0
  for (let token = 0; token < hashes.length; token++)
    if (hashes[token] < limit) keys[found++] = hashes[token] * 2 ** 21 + token
  return keys.subarray(0, found)
}

/** The windows with the smallest hashes, on which SAEs are measured: enough for about 8,000 tokens. */
export function measuredWindows(
  windows: readonly CorpusWindow[],
  seed: number,
  nCtx: number,
): { hash: number; ids: readonly number[] }[] {
  const hashed = windows.map(({ ids, document, from }) => ({
    hash: mixed(tokenHash(seed, document, from), 1),
    ids,
  }))
  return smallestWindows(hashed, nCtx)
}

/** sorted by hash; of equal ones, the first given comes first */
export function smallestWindows<T extends { readonly hash: number }>(
  windows: readonly T[],
  nCtx: number,
): T[] {
  return windows.toSorted((a, b) => a.hash - b.hash).slice(0, Math.max(8, Math.ceil(8192 / (nCtx - 1))))
}
