// A shard's features, tallied: feature by feature, its firings in document order.
import { activeColumns, type SparseRows } from '../../../../engine/sparse.ts'
import { BINS, FIRST_BIN } from './bins.ts'
import { Words, type TallyRow } from './codec.ts'
import { mixed } from './hash.ts'
import { AFTER, BEFORE, PER_BIN, TOP } from './tally.ts'
import type { ShardTokens } from './tokens.ts'

/** One feature's firings. */
interface Firings {
  readonly feature: number
  /** Rising. */
  readonly tokens: Uint32Array
  readonly values: Float32Array
}

/** features: sparse [tokens, d_sae]. -> a row for each feature that fires, by rising number. @throws for one that is not a number */
export function* tallyShard(tokens: ShardTokens, features: SparseRows): Generator<TallyRow> {
  const { columns, entries } = activeColumns(features)
  const sampledAt = new Int32Array(tokens.hashes.length).fill(-1)
  for (const [place, token] of tokens.sample.entries()) sampledAt[token] = place
  for (const [i, feature] of columns.entries()) {
    const [from, to] = [entries.offsets[i], entries.offsets[i + 1]]
    const ofFeature = {
      tokens: entries.indices.subarray(from, to),
      values: entries.values.subarray(from, to),
    }
    yield tallyFeature(tokens, { feature, ...ofFeature }, sampledAt)
  }
}

const words = new Words()
const histogram = new Uint32Array(BINS)
/** Of each bin the entries with the smallest hashes, and these. */
const drawn = new Uint32Array(BINS * PER_BIN)
const drawnHashes = new Uint32Array(BINS * PER_BIN)

function tallyFeature(tokens: ShardTokens, firings: Firings, sampledAt: Int32Array): TallyRow {
  const { feature, values } = firings
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const labels = new Uint32Array(tokens.labels.length)
  const top = new Uint32Array(TOP) // entries, the strongest first
  let [sum, sumOfSquares, tops] = [0, 0, 0]
  histogram.fill(0)
  for (let entry = 0; entry < values.length; entry++) {
    const [value, token] = [values[entry], firings.tokens[entry]]
    if (Number.isNaN(value))
      throw new Error(`corpus: feature ${feature} is not a number at a token of the shard`)
    sum += value
    sumOfSquares += value * value
    const bin = Math.max(0, Math.min(BINS - 1, (bits[entry] >>> 22) - FIRST_BIN)) // as binOf has it
    const label = tokens.label[token]
    if (label >= 0) labels[label] += 1
    if (sampledAt[token] >= 0) words.add(sampledAt[token])
    if (tops < TOP || value > values[top[TOP - 1]]) {
      let at = tops < TOP ? tops++ : TOP - 1
      for (; at > 0 && values[top[at - 1]] < value; at--) top[at] = top[at - 1]
      top[at] = entry
    }
    const hash = mixed(tokens.hashes[token], feature)
    const first = bin * PER_BIN
    const inBin = Math.min(PER_BIN, histogram[bin]++)
    if (inBin < PER_BIN || hash < drawnHashes[first + PER_BIN - 1]) {
      let at = first + Math.min(inBin, PER_BIN - 1)
      for (; at > first && drawnHashes[at - 1] > hash; at--) {
        drawnHashes[at] = drawnHashes[at - 1]
        drawn[at] = drawn[at - 1]
      }
      drawnHashes[at] = hash
      drawn[at] = entry
    }
  }
  if (Number.isNaN(sum)) throw new Error(`corpus: feature ${feature} is not a number on some token`)
  const sampled = words.take()
  for (const entry of top.subarray(0, tops)) addExample(tokens, firings, entry)
  const topBytes = words.take()
  for (let bin = 0; bin < BINS; bin++)
    for (let i = 0; i < Math.min(PER_BIN, histogram[bin]); i++)
      addExample(tokens, firings, drawn[bin * PER_BIN + i])
  return {
    ...{ feature, firings: values.length, sum, sumOfSquares, max: values[top[0]] },
    ...{ histogram: new Uint8Array(histogram.slice().buffer), labels: new Uint8Array(labels.buffer) },
    ...{ sampled, top: topBytes, binned: words.take() },
  }
}

/** As `EXAMPLE_HEAD` says. */
function addExample(tokens: ShardTokens, { feature, tokens: firing, values }: Firings, entry: number): void {
  const token = firing[entry]
  const { ids, document, file, row, from } = tokens.windows[tokens.window[token]]
  const place = tokens.place[token]
  const [first, end] = [Math.max(1, place - BEFORE), Math.min(ids.length, place + AFTER + 1)]
  const shift = place - token // a token's number in the shard + shift: its place in this window
  let near = entry
  while (near > 0 && firing[near - 1] + shift >= first) near--
  let behind = entry + 1
  while (behind < firing.length && firing[behind] + shift < end) behind++
  let mask = 0
  for (let i = near; i < behind; i++) mask |= 1 << (firing[i] + shift - first)
  words.addFloat(values[entry])
  words.add(mixed(tokens.hashes[token], feature))
  words.add(document)
  words.add(from + place - 1)
  words.add(file)
  words.add(row)
  words.add(tokens.label[token])
  words.add((place - first) | ((end - first) << 8))
  words.add(mask)
  for (let i = first; i < end; i++) words.add(ids[i])
  for (let i = near; i < behind; i++) words.addFloat(values[i])
}
