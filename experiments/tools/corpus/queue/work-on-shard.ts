// A shard that came from the queue: cut again from where it begins, and computed.
import { existsSync } from 'node:fs'
import { storeFile } from '../../../lab/analysis/corpus/store-node.ts'
import type { Shard } from '../cut.ts'
import { shardPath, shardsFrom } from '../pass.ts'
import { runShard } from '../run-shard.ts'
import { openShard } from '../shard-file-node.ts'
import { openStore } from '../store.ts'
import { belowRoot } from './below-root.ts'
import type { Prepared } from './benches.ts'
import type { ShardJob } from './shard-job.ts'

export interface Done {
  readonly tokens: number
  readonly seconds: number
  /** Whether its file was there already. */
  readonly there: boolean
}

export async function workOnShard(
  { bench, files, root }: Prepared,
  { out, index, cursor }: ShardJob,
  onTokens: (done: number) => void,
): Promise<Done> {
  const started = performance.now()
  const seconds = () => (performance.now() - started) / 1000
  const path = await belowRoot(root, shardPath(out, index))
  if (existsSync(path)) {
    const { head } = await openShard(path, bench.jobHash)
    return { tokens: head.tokens, seconds: seconds(), there: true }
  }
  for (const kind of ['activations', 'documents', 'hooks'] as const)
    await belowRoot(root, storeFile(out, kind, index))
  await using shards = shardsFrom(bench, files, { index, cursor })
  const { value: shard } = (await shards.next()) as IteratorYieldResult<Shard> // there is one, though it may be empty
  const folder = await belowRoot(root, out)
  const store = bench.job.store.length > 0 ? await openStore(folder, bench, shard) : undefined
  await runShard(bench, shard, path, onTokens, store)
  return { tokens: shard.tokens, seconds: seconds(), there: false }
}
