// A shard through the model and its SAEs, from windows to the file.
import { createHash } from 'node:crypto'
import { stackRows, type SparseRows } from '../../../engine/sparse.ts'
import type { Hook } from '../../../gpt2/hooks.ts'
import { run } from '../../../gpt2/model.ts'
import { encode } from '../../../sae/encoder.ts'
import type { Sae } from '../../../sae/weights.ts'
import { batches, eventsHandled } from '../../lab/models/features.ts'
import type { OpenModel } from '../../lab/models/models.ts'
import type { CorpusWindow, Shard } from './cut.ts'
import type { Job } from './job.ts'
import { ShardWriter, type ShardHead } from './shard-file-node.ts'
import type { ShardStore } from './store.ts'
import { ShardTally } from './tally/tally-shard.ts'
import { measuredWindows, shardTokens, type ShardTokens } from './tally/tokens.ts'

/** What is needed to work on a shard. */
export interface Workbench {
  readonly model: OpenModel
  /** Open, in the order of the job. */
  readonly saes: readonly Sae[]
  readonly job: Job
  readonly jobHash: string
}

/** Computes a shard and writes its file, after writing what is to be stored. onTokens: called with the number done */
export async function runShard(
  bench: Workbench,
  shard: Shard,
  path: string,
  onTokens: (done: number) => void,
  store?: ShardStore,
): Promise<ShardHead> {
  const { job, jobHash: hash, model, saes } = bench
  const tokens = shardTokens(shard.windows, job.seed)
  const tallies = saes.map(({ config }) => new ShardTally(tokens, config.dSae))
  const parts = saes.map((): SparseRows[] => [])
  const onFeatures = (sae: number, features: SparseRows) => {
    tallies[sae].add(features)
    if (store) parts[sae].push(features)
  }
  await encodeWindows(bench, shard.windows, onFeatures, onTokens, store)
  const writer = new ShardWriter()
  for (const [layer, tally] of tallies.entries()) {
    for (const row of tally.rows()) writer.add(layer, row)
    await eventsHandled()
  }
  await store?.finish(
    tokens,
    parts.map((part, i) => stackRows(part, saes[i].config.dSae)),
  )
  const head = headOf(shard, tokens, hash, job.seed, model)
  await writer.finish(path, head)
  return head
}

/**
 * The model's forward pass up to the last SAE's hook, and each SAE's features at its hook.
 * @param onFeatures given an SAE's number and its features on a batch of windows, without BOS: sparse [tokens, d_sae]
 */
async function encodeWindows(
  { model: { gpt2 }, saes }: Pick<Workbench, 'model' | 'saes'>,
  windows: readonly CorpusWindow[],
  onFeatures: (sae: number, features: SparseRows) => void,
  onTokens: (done: number) => void,
  store?: ShardStore,
): Promise<void> {
  let done = 0
  for (const batch of batches(windows.map(({ ids }) => ids))) {
    const hooks: Record<string, Hook[]> = {}
    for (const [i, sae] of saes.entries())
      hooks[sae.config.hookName] = [
        async (x, ops) => onFeatures(i, withoutBos(await encode(ops, sae, x), batch)),
      ]
    for (const [name, hook] of store?.hooksFor(batch) ?? []) (hooks[name] ??= []).push(hook)
    await run(gpt2, batch, hooks)
    await eventsHandled()
    done += batch.reduce((sum, { length }) => sum + length - 1, 0)
    onTokens(done)
  }
}

/** Leaves out each text's first row, in a single copy, because a shard has thousands of texts. */
function withoutBos(
  { shape, offsets, indices, values }: SparseRows,
  batch: readonly (readonly number[])[],
): SparseRows {
  const kept = new Uint32Array(shape[0] - batch.length + 1)
  const [ofTexts, numbers] = [new Uint32Array(indices.length), new Float32Array(values.length)]
  let [row, entries, out] = [0, 0, 0]
  for (const { length } of batch) {
    const [from, to] = [offsets[row + 1], offsets[row + length]]
    ofTexts.set(indices.subarray(from, to), entries)
    numbers.set(values.subarray(from, to), entries)
    for (let i = 1; i < length; i++) kept[++out] = entries + offsets[row + i + 1] - from
    entries += to - from
    row += length
  }
  return {
    shape: [out, shape[1]],
    offsets: kept,
    indices: ofTexts.subarray(0, entries),
    values: numbers.subarray(0, entries),
  }
}

function headOf(
  shard: Shard,
  tokens: ShardTokens,
  job: string,
  seed: number,
  { gpt2 }: OpenModel,
): ShardHead {
  const { index, last, ends, windows, faultCount, faults } = shard
  const texts = createHash('sha256')
  for (const { document, from, ids } of windows) texts.update(JSON.stringify([document, from, ids]))
  return {
    ...{ job, index, last, ends, windows: windows.length, tokens: shard.tokens, texts: texts.digest('hex') },
    ...{ faultCount, faults, labels: tokens.labels, labelTokens: tokens.labelTokens },
    sample: Array.from(tokens.sample, (token) => tokens.hashes[token]),
    measured: measuredWindows(windows, seed, gpt2.config.nCtx),
  }
}
