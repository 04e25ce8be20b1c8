// A shard through the model and its SAEs, from windows to the file.
import { createHash } from 'node:crypto'
import { sliceRows, stackRows, type SparseRows } from '../../../engine/sparse.ts'
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

/** What has to be there to work on a shard. */
export interface Workbench {
  readonly model: OpenModel
  /** Open, in the order of the job. */
  readonly saes: readonly Sae[]
  readonly job: Job
  readonly jobHash: string
}

/** Computes a shard and writes its file, and before it what is to be stored. onTokens: how many are done */
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
 * The model's forward pass as far as the last SAE's hook, and each SAE's features where they stand.
 * @param onFeatures given an SAE's number and its features on a batch of windows, BOS left out: sparse [tokens, d_sae]
 */
export async function encodeWindows(
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

function withoutBos(features: SparseRows, batch: readonly (readonly number[])[]): SparseRows {
  let row = 0
  const texts = batch.map(({ length }) => {
    row += length
    return sliceRows(features, row - length + 1, row)
  })
  return stackRows(texts, features.shape[1])
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
