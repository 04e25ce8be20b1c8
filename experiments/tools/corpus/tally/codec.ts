// A tally as the bytes of a shard's file, and back.
import { binOf } from './bins.ts'
import { emptyTally, type Example, type Tally } from './tally.ts'

/** 32-bit words, little-endian on every machine that Node runs on. */
export class Words {
  #words = new Uint32Array(4096)
  #floats = new Float32Array(this.#words.buffer)
  #length = 0

  /** Room for `count` more, starting at `at`: the same words as integers and as float32. */
  more(count: number): { words: Uint32Array; floats: Float32Array; at: number } {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#words.length) {
      const wider = new Uint32Array(2 * this.#length)
      wider.set(this.#words)
      this.#words = wider
      this.#floats = new Float32Array(wider.buffer)
    }
    return { words: this.#words, floats: this.#floats, at }
  }

  /** What was added since the last call. */
  take(): Uint8Array {
    const bytes = new Uint8Array(this.#words.slice(0, this.#length).buffer)
    this.#length = 0
    return bytes
  }
}

/** The lists of a feature that a shard's file stores as bytes. */
export interface TallyBytes {
  /** Firings by bin. */
  readonly histogram: Uint8Array
  /** Firings by label. */
  readonly labels: Uint8Array
  /** Places in the shard's sample. */
  readonly sampled: Uint8Array
  /** Examples: see `EXAMPLE_HEAD`. */
  readonly top: Uint8Array
  /** The same, bin by bin. */
  readonly binned: Uint8Array
}

/** A row of a shard's file. */
export type TallyRow = Pick<Tally, 'feature' | 'firings' | 'sum' | 'sumOfSquares' | 'max'> & TallyBytes

/**
 * An example's words before its ids: activation, hash, document, position, file, row, label, then which of its tokens fires and
 * (times 256) how many they are, then a mask of those whose activation is not 0. After the ids come those activations.
 */
export const EXAMPLE_HEAD = 9

export function decodeTally({ histogram, labels, sampled, top, binned, ...numbers }: TallyRow): Tally {
  const tally = { ...emptyTally(numbers.feature), ...numbers }
  tally.histogram.set(wordsIn(histogram))
  tally.labels = asWords(labels)
  tally.sampled = asWords(sampled)
  tally.top = examplesOf(top)
  for (const example of examplesOf(binned)) tally.binned[binOf(example.activation)].push(example)
  return tally
}

export function asWords(bytes: Uint8Array): number[] {
  return [...wordsIn(bytes)]
}

function wordsIn(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(Uint8Array.from(bytes).buffer) // copied: hyparquet's views begin anywhere
}

function examplesOf(bytes: Uint8Array): Example[] {
  const all = wordsIn(bytes)
  const floats = new Float32Array(all.buffer)
  const examples: Example[] = []
  for (let i = 0; i < all.length;) {
    const [hash, document, position, file, row, label] = [
      all[i + 1],
      all[i + 2],
      all[i + 3],
      all[i + 4],
      all[i + 5],
      all[i + 6],
    ]
    const [packed, mask] = [all[i + 7], all[i + 8]]
    const count = packed >>> 8
    const from = i + EXAMPLE_HEAD + count
    const activations = new Float32Array(count)
    let next = from
    for (let at = 0; at < count; at++) if ((mask >>> at) & 1) activations[at] = floats[next++]
    examples.push({
      activation: floats[i],
      hash,
      document,
      position,
      file,
      row,
      label: label | 0,
      at: packed & 255,
      ids: all.slice(i + EXAMPLE_HEAD, from), // a view would keep the examples of a whole shard
      activations,
    })
    i = next
  }
  return examples
}
