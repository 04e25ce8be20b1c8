// A shard's features, tallied: feature by feature, its firings in document order.
import { transposeSparse, type SparseRows } from '../../../../engine/sparse.ts'
import { binOf, BINS } from './bins.ts'
import { mixed } from './hash.ts'
import { AFTER, BEFORE, emptyTally, PER_BIN, TOP, type Example, type Tally } from './tally.ts'
import type { ShardTokens } from './tokens.ts'

/** One feature's firings. */
interface Firings {
  readonly feature: number
  /** Rising. */
  readonly tokens: Uint32Array
  readonly values: Float32Array
}

/** features: sparse [tokens, d_sae]. -> a tally for each feature that fires, by rising number */
export function* tallyShard(tokens: ShardTokens, features: SparseRows): Generator<Tally> {
  const { columns, entries } = transposeSparse(features)
  const sampledAt = new Int32Array(tokens.hashes.length).fill(-1)
  for (const [place, token] of tokens.sample.entries()) sampledAt[token] = place
  for (const [i, feature] of columns.entries()) {
    const [from, to] = [entries.offsets[i], entries.offsets[i + 1]]
    const firings = {
      feature,
      tokens: entries.indices.subarray(from, to),
      values: entries.values.subarray(from, to),
    }
    yield tallyFeature(tokens, firings, sampledAt)
  }
}

function tallyFeature(tokens: ShardTokens, firings: Firings, sampledAt: Int32Array): Tally {
  const { feature, values } = firings
  const tally = emptyTally(feature)
  const strongest: number[] = [] // entries, the strongest first
  const smallest: { entry: number; hash: number }[][] = Array.from({ length: BINS }, () => [])
  for (let entry = 0; entry < values.length; entry++) {
    const [value, token] = [values[entry], firings.tokens[entry]]
    tally.sum += value
    tally.sumOfSquares += value * value
    const bin = binOf(value)
    tally.histogram[bin] += 1
    const label = tokens.label[token]
    if (label >= 0) tally.labels[label] = (tally.labels[label] ?? 0) + 1
    if (sampledAt[token] >= 0) tally.sampled.push(sampledAt[token])
    if (strongest.length < TOP || value > values[strongest[TOP - 1]])
      keep(strongest, entry, (other) => values[other] < value, TOP)
    const hash = mixed(tokens.hashes[token], feature)
    const kept = smallest[bin]
    if (kept.length < PER_BIN || hash < kept[PER_BIN - 1].hash)
      keep(kept, { entry, hash }, (other) => other.hash > hash, PER_BIN)
  }
  tally.firings = values.length
  tally.max = values[strongest[0]]
  tally.top = strongest.map((entry) => exampleOf(tokens, firings, entry))
  for (const [bin, kept] of smallest.entries())
    tally.binned[bin] = kept.map(({ entry }) => exampleOf(tokens, firings, entry))
  return tally
}

/** Puts `one` before the first of which `isBehind` holds; equal ones keep their order. At most `most` stay. */
function keep<T>(list: T[], one: T, isBehind: (other: T) => boolean, most: number): void {
  let at = list.length
  while (at > 0 && isBehind(list[at - 1])) at--
  list.splice(at, 0, one)
  if (list.length > most) list.pop()
}

function exampleOf(tokens: ShardTokens, firings: Firings, entry: number): Example {
  const token = firings.tokens[entry]
  const { ids, document, file, row, from } = tokens.windows[tokens.window[token]]
  const place = tokens.place[token]
  const [first, end] = [Math.max(1, place - BEFORE), Math.min(ids.length, place + AFTER + 1)]
  const shift = place - token // a token's number in the shard + shift: its place in this window
  const activations = new Array<number>(end - first).fill(0)
  let near = entry
  while (near > 0 && firings.tokens[near - 1] + shift >= first) near--
  for (; near < firings.tokens.length && firings.tokens[near] + shift < end; near++)
    activations[firings.tokens[near] + shift - first] = firings.values[near]
  return {
    activation: firings.values[entry],
    hash: mixed(tokens.hashes[token], firings.feature),
    ...{ document, position: from + place - 1, file, row, label: tokens.label[token] },
    ...{ at: place - first, ids: ids.slice(first, end), activations },
  }
}
