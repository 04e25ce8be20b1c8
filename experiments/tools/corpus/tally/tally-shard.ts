// A shard's features, tallied batch by batch as they are computed: each batch is turned to features while it is in the cache.
import { transposeSparse, type SparseRows } from '../../../../engine/sparse.ts'
import { BINS, FIRST_BIN } from './bins.ts'
import { EXAMPLE_HEAD, Words, type TallyRow } from './codec.ts'
import { mixed } from './hash.ts'
import { AFTER, BEFORE, PER_BIN, TOP } from './tally.ts'
import type { ShardTokens } from './tokens.ts'

/** A batch's features, turned: a row for each feature. A firing is identified by `first` + its place among the entries. */
interface Turned extends SparseRows {
  /** Firings of the shard before the batch. */
  readonly first: number
  /** Tokens of the shard before it. */
  readonly token: number
}

/** Bytes that a feature takes besides its firings, and that each firing takes. */
export const FEATURE_BYTES = 2 * 8 + 4 * BINS + 8 * TOP + 8 * BINS * PER_BIN
export const FIRING_BYTES = 4 + 4

/** One SAE's features on a shard. Sums are float64, in document order. */
export class ShardTally {
  readonly #tokens: ShardTokens
  readonly #dSae: number
  readonly #batches: Turned[] = []
  #done = { tokens: 0, firings: 0 }
  readonly #sum: Float64Array // [d_sae]
  readonly #sumOfSquares: Float64Array // [d_sae]
  readonly #histogram: Uint32Array // [d_sae, BINS]
  readonly #labels: Uint32Array // [labels, d_sae]
  /** Places in the sample. */
  readonly #sampled: number[][] // [d_sae][]
  readonly #placeOf: Int32Array // [tokens]
  /** Firings, the strongest first, and their activations; 0 where there is none yet. */
  readonly #top: Uint32Array // [d_sae, TOP]
  readonly #topValues: Float32Array // [d_sae, TOP]
  /** For each bin the firings with the smallest hashes, and these hashes. */
  readonly #drawn: Uint32Array // [d_sae, BINS, PER_BIN]
  readonly #hashes: Uint32Array // [d_sae, BINS, PER_BIN]
  readonly #words = new Words()

  constructor(tokens: ShardTokens, dSae: number) {
    this.#tokens = tokens
    this.#dSae = dSae
    ;[this.#sum, this.#sumOfSquares] = [new Float64Array(dSae), new Float64Array(dSae)]
    this.#histogram = new Uint32Array(dSae * BINS)
    this.#labels = new Uint32Array(dSae * tokens.labels.length)
    this.#sampled = Array.from({ length: dSae }, () => [])
    this.#placeOf = new Int32Array(tokens.hashes.length).fill(-1)
    for (const [place, token] of tokens.sample.entries()) this.#placeOf[token] = place
    ;[this.#top, this.#topValues] = [new Uint32Array(dSae * TOP), new Float32Array(dSae * TOP)]
    this.#drawn = new Uint32Array(dSae * BINS * PER_BIN)
    this.#hashes = new Uint32Array(dSae * BINS * PER_BIN)
  }

  /** features: of the next whole windows, without BOS, sparse [tokens, d_sae]. @throws for one that is not a number */
  add(features: SparseRows): void {
    const batch = { ...transposeSparse(features), first: this.#done.firings, token: this.#done.tokens }
    this.#batches.push(batch)
    this.#done = { tokens: batch.token + features.shape[0], firings: batch.first + features.values.length }
    for (let row = 0; row < features.shape[0]; row++) {
      const place = this.#placeOf[batch.token + row]
      if (place < 0) continue
      for (let i = features.offsets[row]; i < features.offsets[row + 1]; i++)
        this.#sampled[features.indices[i]].push(place)
    }
    const bits = new Uint32Array(batch.values.buffer, batch.values.byteOffset, batch.values.length)
    for (let feature = 0; feature < this.#dSae; feature++) {
      const [from, to] = [batch.offsets[feature], batch.offsets[feature + 1]]
      if (from < to) this.#addRun(feature, from, to, batch, bits)
    }
  }

  /** Adds a feature's firings in a batch. bits: those of their activations */
  #addRun(feature: number, from: number, to: number, batch: Turned, bits: Uint32Array): void {
    // Arrays as locals: read through `this`, each costs a look-up at each firing.
    const { values, indices, first, token: firstToken } = batch
    const { hashes: tokenHashes, label: labelOf } = this.#tokens
    const [histogram, hashes, labels, topValues] = [
      this.#histogram,
      this.#hashes,
      this.#labels,
      this.#topValues,
    ]
    const [lastTop, firstBin, dSae] = [feature * TOP + TOP - 1, feature * BINS, this.#dSae]
    let [sum, sumOfSquares] = [this.#sum[feature], this.#sumOfSquares[feature]]
    let least = topValues[lastTop]
    let [label, since] = [-1, from] // label of the document that the firings are in, and its first firing
    for (let entry = from; entry < to; entry++) {
      const value = values[entry]
      const token = firstToken + indices[entry]
      sum += value
      sumOfSquares += value * value
      if (labelOf[token] !== label) {
        if (label >= 0) labels[label * dSae + feature] += entry - since
        ;[label, since] = [labelOf[token], entry]
      }
      if (value > least) {
        this.#addTop(lastTop, first + entry, value)
        least = topValues[lastTop]
      }
      const octave = (bits[entry] >>> 22) - FIRST_BIN // as binOf has it
      const bin = firstBin + (octave < 0 ? 0 : octave >= BINS ? BINS - 1 : octave)
      const inBin = histogram[bin]++
      const hash = mixed(tokenHashes[token], feature)
      const firstDrawn = bin * PER_BIN
      if (inBin < PER_BIN || hash < hashes[firstDrawn + PER_BIN - 1])
        this.#draw(firstDrawn, inBin, first + entry, hash)
    }
    if (label >= 0) labels[label * dSae + feature] += to - since
    if (Number.isNaN(sum)) throw new Error(`corpus: feature ${feature} is not a number on some token`)
    this.#sum[feature] = sum
    this.#sumOfSquares[feature] = sumOfSquares
  }

  #addTop(last: number, firing: number, value: number): void {
    let at = last
    for (; at > last - TOP + 1 && this.#topValues[at - 1] < value; at--) {
      this.#topValues[at] = this.#topValues[at - 1]
      this.#top[at] = this.#top[at - 1]
    }
    this.#topValues[at] = value
    this.#top[at] = firing
  }

  /** Draws into a bin that has seen `before` other firings. */
  #draw(first: number, before: number, firing: number, hash: number): void {
    let at = first + Math.min(before, PER_BIN - 1)
    for (; at > first && this.#hashes[at - 1] > hash; at--) {
      this.#hashes[at] = this.#hashes[at - 1]
      this.#drawn[at] = this.#drawn[at - 1]
    }
    this.#hashes[at] = hash
    this.#drawn[at] = firing
  }

  /** -> a row for each feature that fires, by rising number */
  *rows(): Generator<TallyRow> {
    for (let feature = 0; feature < this.#dSae; feature++) {
      const histogram = this.#histogram.slice(feature * BINS, (feature + 1) * BINS)
      const firings = histogram.reduce((sum, count) => sum + count, 0)
      if (firings === 0) continue
      const first = feature * TOP
      for (let i = 0; i < Math.min(TOP, firings); i++) this.#addExample(feature, this.#top[first + i])
      const top = this.#words.take()
      for (let bin = 0; bin < BINS; bin++)
        for (let i = 0; i < Math.min(PER_BIN, histogram[bin]); i++)
          this.#addExample(feature, this.#drawn[(feature * BINS + bin) * PER_BIN + i])
      const binned = this.#words.take()
      const labels = Uint32Array.from(this.#tokens.labels, (_, i) => this.#labels[i * this.#dSae + feature])
      const sampled = Uint32Array.from(this.#sampled[feature])
      yield {
        ...{ feature, firings, sum: this.#sum[feature], sumOfSquares: this.#sumOfSquares[feature] },
        ...{ max: this.#topValues[first], histogram: new Uint8Array(histogram.buffer) },
        ...{ labels: new Uint8Array(labels.buffer), sampled: new Uint8Array(sampled.buffer), top, binned },
      }
    }
  }

  /** As `EXAMPLE_HEAD` says. */
  #addExample(feature: number, firing: number): void {
    const batch = this.#batches[batchOf(this.#batches, firing)]
    const { indices, values, offsets } = batch
    const entry = firing - batch.first
    const token = batch.token + indices[entry]
    const { ids, document, file, row, from } = this.#tokens.windows[this.#tokens.window[token]]
    const place = this.#tokens.place[token]
    const [first, end] = [Math.max(1, place - BEFORE), Math.min(ids.length, place + AFTER + 1)]
    const shift = place - indices[entry] // a token's number in the batch + shift: its place in this window
    let near = entry
    while (near > offsets[feature] && indices[near - 1] + shift >= first) near--
    let behind = entry + 1
    while (behind < offsets[feature + 1] && indices[behind] + shift < end) behind++
    let mask = 0
    for (let i = near; i < behind; i++) mask |= 1 << (indices[i] + shift - first)
    const { words, floats, at } = this.#words.more(EXAMPLE_HEAD + end - first + behind - near)
    floats[at] = values[entry]
    words[at + 1] = mixed(this.#tokens.hashes[token], feature)
    words[at + 2] = document
    words[at + 3] = from + place - 1
    words[at + 4] = file
    words[at + 5] = row
    words[at + 6] = this.#tokens.label[token]
    words[at + 7] = (place - first) | ((end - first) << 8)
    words[at + 8] = mask
    let next = at + EXAMPLE_HEAD
    for (let i = first; i < end; i++) words[next++] = ids[i]
    for (let i = near; i < behind; i++) floats[next++] = values[i]
  }
}

/** The number of the batch that a firing is in. */
function batchOf(batches: readonly Turned[], firing: number): number {
  let [low, high] = [0, batches.length]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (batches[middle].first <= firing) low = middle
    else high = middle
  }
  return low
}
