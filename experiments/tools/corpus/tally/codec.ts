// A tally as the bytes of a shard's file, and back.
import { binOf } from './bins.ts'
import { emptyTally, type Example, type Tally } from './tally.ts'

/** 32-bit words, little-endian on every machine that Node runs on. */
class Words {
  #words = new Uint32Array(64)
  #floats = new Float32Array(this.#words.buffer)
  #length = 0

  add(word: number): void {
    if (this.#length === this.#words.length) {
      const wider = new Uint32Array(2 * this.#length)
      wider.set(this.#words)
      this.#words = wider
      this.#floats = new Float32Array(wider.buffer)
    }
    this.#words[this.#length++] = word
  }

  addFloat(value: number): void {
    this.add(0)
    this.#floats[this.#length - 1] = value
  }

  /** What was added since the last call. */
  take(): Uint8Array {
    const bytes = new Uint8Array(this.#words.slice(0, this.#length).buffer)
    this.#length = 0
    return bytes
  }
}

/** The columns of a shard's file that hold bytes. */
export interface TallyBytes {
  readonly histogram: Uint8Array
  readonly labels: Uint8Array
  readonly sampled: Uint8Array
  readonly top: Uint8Array
  readonly binned: Uint8Array
}

const words = new Words()

export function encodeTally({ histogram, labels, sampled, top, binned }: Tally): TallyBytes {
  return {
    histogram: wordsOf(histogram),
    labels: wordsOf(Array.from(labels, (firings = 0) => firings)),
    sampled: wordsOf(sampled),
    top: examplesBytes(top),
    binned: examplesBytes(binned.flat()),
  }
}

function wordsOf(numbers: Iterable<number>): Uint8Array {
  for (const number of numbers) words.add(number)
  return words.take()
}

/** Of each example 9 words, its ids, and those of its activations that are not 0, of which the ninth word is a mask. */
function examplesBytes(examples: readonly Example[]): Uint8Array {
  for (const { activation, hash, document, position, file, row, label, at, ids, activations } of examples) {
    words.addFloat(activation)
    for (const word of [hash, document, position, file, row, label, at | (ids.length << 8)]) words.add(word)
    words.add(activations.reduce((mask, value, i) => (value === 0 ? mask : mask | (1 << i)), 0))
    for (const id of ids) words.add(id)
    for (const value of activations) if (value !== 0) words.addFloat(value)
  }
  return words.take()
}

export function decodeTally(
  numbers: Pick<Tally, 'feature' | 'firings' | 'sum' | 'sumOfSquares' | 'max'>,
  bytes: TallyBytes,
): Tally {
  const tally = { ...emptyTally(numbers.feature), ...numbers }
  tally.histogram.set(wordsIn(bytes.histogram))
  tally.labels = asWords(bytes.labels)
  tally.sampled = asWords(bytes.sampled)
  tally.top = examplesOf(bytes.top)
  for (const example of examplesOf(bytes.binned)) tally.binned[binOf(example.activation)].push(example)
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
    const [hash, document, position, file, row, label, packed, mask] = all.subarray(i + 1, i + 9)
    const count = packed >>> 8
    const from = i + 9 + count
    let next = from
    const activations = Array.from({ length: count }, (_, at) => ((mask >>> at) & 1 ? floats[next++] : 0))
    examples.push({
      ...{ activation: floats[i], hash, document, position, file, row, label: label | 0, at: packed & 255 },
      ...{ ids: [...all.subarray(i + 9, from)], activations },
    })
    i = next
  }
  return examples
}
