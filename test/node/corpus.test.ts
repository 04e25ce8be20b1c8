// Corpora: what is cut, tallied and merged is held to plain loops over the dense features, whatever the cut.
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRandom } from '../../engine/random.ts'
import { positiveEntries, sliceRows, toDense, type SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { cutShards, START, type CorpusWindow, type Shard } from '../../experiments/tools/corpus/cut.ts'
import type { FoundIn } from '../../experiments/tools/corpus/read/documents.ts'
import { intervalsOf } from '../../experiments/tools/corpus/result/intervals.ts'
import { mergeShards } from '../../experiments/tools/corpus/result/merge.ts'
import { partnersFinder } from '../../experiments/tools/corpus/result/partners.ts'
import {
  openShard,
  ShardWriter,
  type ShardFile,
  type ShardHead,
} from '../../experiments/tools/corpus/shard-file-node.ts'
import { binEdge, binOf, BINS } from '../../experiments/tools/corpus/tally/bins.ts'
import { mixed, tokenHash } from '../../experiments/tools/corpus/tally/hash.ts'
import { AFTER, BEFORE, PER_BIN, TOP, type Tally } from '../../experiments/tools/corpus/tally/tally.ts'
import { ShardTally } from '../../experiments/tools/corpus/tally/tally-shard.ts'
import {
  LabelList,
  OTHER_LABELS,
  SAMPLE,
  shardTokens,
  smallest,
  type ShardTokens,
} from '../../experiments/tools/corpus/tally/tokens.ts'
import type { TallyRow } from '../../experiments/tools/corpus/tally/codec.ts'

const folder = mkdtempSync(join(tmpdir(), 'corpus-'))
const test = suite('corpus')
test.after(() => rmSync(folder, { recursive: true }))

const BOS = 99
const [N_CTX, D_SAE, SEED] = [9, 40, 5]

/** A token a character; what holds a # cannot be encoded. */
const tokenizer = {
  encode(text: string): number[] {
    if (text.includes('#')) throw new Error('encode: no token for #')
    return Array.from(text, (character) => character.charCodeAt(0) % 50)
  },
}

const documents = (texts: readonly string[]): FoundIn[] =>
  texts.map((text, i) => {
    const place = { file: Math.floor(i / 3), row: (i % 3) + 1, read: i }
    if (text === '') return { ...place, fault: 'empty' }
    return { ...place, text, ...(i % 4 > 0 && { label: `label ${i % 4}` }) }
  })

async function* given(found: readonly FoundIn[], from = START): AsyncGenerator<FoundIn> {
  for (const one of found)
    if (one.file > from.file || (one.file === from.file && one.row >= from.row)) yield one
}

async function cut(
  found: readonly FoundIn[],
  tokens: number,
  from = { index: 0, cursor: START },
): Promise<Shard[]> {
  const shards: Shard[] = []
  const vocabulary = { tokenizer, bos: BOS, nCtx: N_CTX }
  for await (const shard of cutShards(given(found, from.cursor), vocabulary, tokens, from)) shards.push(shard)
  return shards
}

/** A token's features are decided by its document and position: however shards are cut, they are the same. */
function featuresOf(windows: readonly CorpusWindow[]): SparseRows {
  const rows = windows.flatMap(({ ids, document, from }) =>
    ids.slice(1).map((id, i) => {
      const random = createRandom(document * 1000 + from + i)
      return Array.from({ length: D_SAE }, (_, feature) => {
        const value = random.number() ** 3 * 30
        // Some never fire, one always does, one has many equal values.
        if (feature === 7) return 0
        if (feature === 8) return 0.5 + random.number()
        return random.number() < 0.7 ? 0 : feature === 9 ? (id % 3) + 1 : value
      })
    }),
  )
  return positiveEntries(Tensor.of([rows.length, D_SAE], rows.flat()))
}

const LAYER = 0

/** In batches of two windows, the last of which may have one. */
function talliesOf(tokens: ShardTokens, features: SparseRows): Iterable<TallyRow> {
  const tally = new ShardTally(tokens, features.shape[1])
  for (let w = 0, row = 0; w < tokens.windows.length; w += 2) {
    const batch = tokens.windows.slice(w, w + 2)
    const next = row + batch.reduce((sum, { ids }) => sum + ids.length - 1, 0)
    tally.add(sliceRows(features, row, next))
    row = next
  }
  return tally.rows()
}

async function shardFile({ windows, ...shard }: Shard, path: string): Promise<ShardFile> {
  const tokens = shardTokens(windows, SEED)
  const writer = new ShardWriter()
  for (const row of talliesOf(tokens, featuresOf(windows))) writer.add(LAYER, row)
  const head: ShardHead = {
    ...shard,
    ...{
      job: 'job',
      windows: windows.length,
      texts: '',
      labels: tokens.labels,
      labelTokens: tokens.labelTokens,
    },
    ...{ sample: Array.from(tokens.sample, (token) => tokens.hashes[token]), measured: [] },
  }
  await writer.finish(path, head)
  return openShard(path, 'job')
}

async function tallied(found: readonly FoundIn[], tokens: number) {
  const shards = await cut(found, tokens)
  const files = []
  for (const shard of shards)
    files.push(await shardFile(shard, join(folder, `${tokens}-${shard.index}.parquet`)))
  const merged = await mergeShards(files, N_CTX)
  return { merged, tallies: await merged.block(LAYER, 0), windows: shards.flatMap(({ windows }) => windows) }
}

/** The same by plain loops over the dense matrix. */
function expected(windows: readonly CorpusWindow[], dense: Tensor, feature: number) {
  let row = 0
  const firings = windows.flatMap(({ ids, document, from, label, ...place }) => {
    const values = ids.slice(1).map((_, i) => dense.data[(row + i) * D_SAE + feature])
    row += ids.length - 1
    return values.flatMap((activation, i) => {
      if (!(activation > 0)) return []
      const [first, end] = [Math.max(0, i - BEFORE), Math.min(values.length, i + AFTER + 1)]
      return {
        ...{
          activation,
          document,
          position: from + i,
          label,
          file: place.file,
          row: place.row,
          at: i - first,
        },
        hash: mixed(tokenHash(SEED, document, from + i), feature),
        ...{ ids: ids.slice(1 + first, 1 + end), activations: values.slice(first, end) },
      }
    })
  })
  const sum = (of: (activation: number) => number) =>
    firings.reduce((total, one) => total + of(one.activation), 0)
  const inBin = (bin: number) => firings.filter(({ activation }) => binOf(activation) === bin)
  return {
    all: firings,
    firings: firings.length,
    ...{ sum: sum((value) => value), sumOfSquares: sum((value) => value * value) },
    max: Math.max(...firings.map(({ activation }) => activation)),
    histogram: Array.from({ length: BINS }, (_, bin) => inBin(bin).length),
    top: firings.toSorted((a, b) => b.activation - a.activation).slice(0, TOP),
    binned: Array.from({ length: BINS }, (_, bin) =>
      inBin(bin)
        .toSorted((a, b) => a.hash - b.hash)
        .slice(0, PER_BIN),
    ),
    labels: Map.groupBy(firings, ({ label }) => label),
  }
}

const texts = Array.from({ length: 30 }, (_, i) =>
  i % 11 === 5 ? '' : 'some words and more of them '.slice(0, 1 + ((i * 7) % 28)),
)

test('a corpus of several shards is what plain loops make of its dense features', async () => {
  const { merged, tallies, windows } = await tallied(documents(texts), 40)
  assert.ok(windows.length > 30)
  assert.not(
    tallies.some(({ feature }) => feature === 7),
    'what never fires has no tally',
  )
  assert.is(tallies.length, D_SAE - 1)
  const named = (examples: Tally['top']) =>
    examples.map(({ ids, activations, label, ...one }) => ({
      ...{ ...one, ids: [...ids], activations: [...activations] },
      label: label < 0 ? undefined : merged.labels[label],
    }))
  const dense = toDense(featuresOf(windows))
  for (const tally of tallies) {
    const plain = expected(windows, dense, tally.feature)
    for (const key of ['firings', 'max'] as const) assert.is(tally[key], plain[key])
    for (const key of ['sum', 'sumOfSquares'] as const)
      assert.ok(Math.abs(tally[key] - plain[key]) <= 1e-13 * plain[key], `${key} of ${tally.feature}`)
    assert.equal([...tally.histogram], plain.histogram)
    assert.equal(named(tally.top), plain.top)
    assert.equal(tally.binned.map(named), plain.binned)
    for (const [label, firings] of plain.labels)
      if (label !== undefined) assert.is(tally.labels[merged.labels.indexOf(label)], firings.length)
  }
  assert.is(
    merged.tokens,
    windows.reduce((sum, { ids }) => sum + ids.length - 1, 0),
  )
  assert.is(merged.faultCount, texts.filter((text) => text === '').length)
})

test('whatever the shards, counts and examples are the same; of the same shards every bit is', async () => {
  const found = documents(texts)
  const whole = await tallied(found, 10_000)
  const exact = ({ sum: _, sumOfSquares: __, ...tally }: Tally) => tally
  for (const tokens of [11, 64]) {
    const parts = await tallied(found, tokens)
    assert.equal(parts.tallies.map(exact), whole.tallies.map(exact), `shards of ${tokens}`)
    assert.equal((await tallied(found, tokens)).tallies, parts.tallies)
    assert.equal(parts.merged.labels, whole.merged.labels)
    assert.equal(parts.merged.labelTokens, whole.merged.labelTokens)
  }
})

test('cut from any shard on, the rest is the same', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.string({ maxLength: 30 }), fc.constant('a#')), { maxLength: 12 }),
      fc.integer({ min: 1, max: 60 }),
      async (texts, tokens) => {
        const found = documents(texts)
        const all = await cut(found, tokens)
        const ids = all.flatMap(({ windows }) => windows).map(({ ids }) => ids.slice(1))
        const good = texts.filter((text) => text !== '' && !text.includes('#'))
        assert.equal(
          ids.flat(),
          good.flatMap((text) => tokenizer.encode(text)),
          'no token is lost',
        )
        assert.is(
          all.reduce((sum, { faultCount }) => sum + faultCount, 0),
          texts.length - good.length,
        )
        assert.equal(
          all.map(({ last }) => last),
          all.map((_, i) => i === all.length - 1),
        )
        for (const { index, ends, tokens: size, last } of all) {
          assert.ok(
            last || (size >= tokens && size < tokens + N_CTX - 1),
            `shard ${index} has ${size} tokens`,
          )
          const rest = last ? [] : await cut(found, tokens, { index: index + 1, cursor: ends })
          const bytesAside = (shards: Shard[]) => shards.map(({ read: _, ...shard }) => shard)
          assert.equal(bytesAside(rest), bytesAside(all.slice(index + 1)))
        }
      },
    ),
    { numRuns: 200 },
  ))

test('a number is in the bin whose edges it is between', () =>
  fc.assert(
    fc.property(fc.float({ min: Math.fround(1e-4), max: 1e4, noNaN: true }), (value) => {
      const bin = binOf(value)
      assert.ok(bin === 0 || value >= binEdge(bin), `${value} is below bin ${bin}`)
      assert.ok(bin === BINS - 1 || value < binEdge(bin + 1), `${value} is above bin ${bin}`)
    }),
  ))

test('intervals hold every firing once, and their examples are the smallest hashes of all', async () => {
  const { tallies, windows } = await tallied(documents(texts), 50)
  const dense = toDense(featuresOf(windows))
  for (const tally of tallies) {
    const intervals = intervalsOf(tally)
    assert.ok(intervals.length <= 5)
    const { all } = expected(windows, dense, tally.feature)
    assert.is(intervals[0].to, tally.max)
    assert.is(intervals.at(-1)!.from, 0)
    for (const [i, { from, to, firings, examples }] of intervals.entries()) {
      const inside = all.filter(({ activation }) => activation >= from && (activation < to || i === 0))
      assert.is(inside.length, firings)
      const hashes = inside.map(({ hash }) => hash).sort((a, b) => a - b)
      assert.equal(
        examples.map(({ hash }) => hash),
        hashes.slice(0, PER_BIN),
      )
    }
    assert.is(
      intervals.reduce((sum, { firings }) => sum + firings, 0),
      tally.firings,
    )
  }
})

test('partners are counted on sampled tokens', () => {
  const sampled = new Map([
    [1, [0, 1, 2, 3]],
    [2, [0, 1, 2, 9]],
    [3, [3]],
    [4, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ])
  const partners = partnersFinder(sampled, 10, 5)
  const [only, ...none] = partners(1)
  assert.equal(none, [], 'too few in common, or no more than chance')
  assert.is(only.feature, 2)
  assert.is(only.together, 3)
  assert.ok(Math.abs(only.correlation - 14 / 24) < 1e-12) // (10 * 3 - 4 * 4) / sqrt(4 * 6 * 4 * 6)
  assert.equal(partners(1), [only], 'asked again, the same')
  assert.is(partners(2)[0].feature, 1, 'and another, what it has')
  assert.equal(partners(0), [])
})

test('the sample is the tokens with the smallest hashes, also where these crowd', () => {
  const windows = Array.from({ length: 200 }, (_, document) => ({
    ...{ ids: [BOS, ...Array.from({ length: 100 }, () => 1)], document, file: 0, row: document, from: 1 },
  }))
  const hashes = Uint32Array.from(shardTokens(windows, SEED).hashes)
  for (const given of [hashes, hashes.map((hash) => 2 ** 32 - 1 - (hash >>> 12))]) {
    const rising = [...given.keys()].sort((a, b) => given[a] - given[b] || a - b)
    assert.equal([...smallest(given)], rising.slice(0, SAMPLE))
  }
})

test('labels beyond the most that are told apart count as others', () => {
  const labels = new LabelList()
  for (let i = 0; i < 300; i++) labels.add(`label ${i}`)
  assert.is(labels.names.length, 257)
  assert.is(labels.names[256], OTHER_LABELS)
  assert.is(labels.add('label 3'), 3)
  assert.is(labels.add('label 299'), 256)
})

test('a feature that is not a number ends the work', () => {
  const [windows, dense] = [
    [{ ids: [BOS, 1], document: 0, file: 0, row: 1, from: 1 }],
    Tensor.of([1, 3], [0, NaN, 1]),
  ]
  const rows = () => [...talliesOf(shardTokens(windows, SEED), positiveEntries(dense))]
  assert.throws(rows, /^corpus: feature 1 is not a number on some token$/)
})

test('a shard’s file is whole, of its job, and as it was written, or named', async () => {
  const path = join(folder, 'one.parquet')
  const [shard] = await cut(documents(['some text']), 100)
  await shardFile(shard, path)
  const bytes = readFileSync(path)
  const fault = async (changed: Uint8Array, job = 'job') => {
    writeFileSync(path, changed)
    return openShard(path, job).then(
      () => 'no fault',
      (error: Error) => error.message.replace(path, 'PATH'),
    )
  }
  const again = 'remove it and run the same command again'
  assert.is(await fault(bytes), 'no fault')
  assert.is(await fault(bytes, 'other'), `PATH: it belongs to another job: ${again}`)
  assert.match(await fault(bytes.subarray(0, -5)), `PATH: not a whole shard (`)
  const damaged = Uint8Array.from(bytes)
  damaged[200] ^= 1
  assert.is(await fault(damaged), `PATH: its bytes are not those that were written: ${again}`)
})

test.run()
