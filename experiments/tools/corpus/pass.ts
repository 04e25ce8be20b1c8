// The pass over a corpus, shard by shard; shards whose files exist are skipped.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../lab/cli/user-error.ts'
import { createProgress } from '../../lab/cli/progress.ts'
import { bosOf } from '../../../gpt2/config.ts'
import { cutShards, START, type Cursor, type Shard } from './cut.ts'
import { readDocuments } from './read/documents.ts'
import type { CorpusFile } from './read/files.ts'
import { runShard, type Workbench } from './run-shard.ts'
import { openShard, type ShardFile } from './shard-file-node.ts'
import { openStore } from './store.ts'

export const shardPath = (folder: string, index: number): string =>
  join(folder, 'shards', `${String(index).padStart(6, '0')}.parquet`)

export interface PassOptions {
  readonly files: readonly CorpusFile[]
  readonly folder: string
  readonly strict: boolean
  readonly quiet: boolean
}

/**
 * Computes every shard whose file is missing. -> the files of all shards, by rising number, each verified
 * @throws UserError for bad input, if `strict`
 */
export async function passOver(bench: Workbench, options: PassOptions): Promise<ShardFile[]> {
  const { files, folder, quiet } = options
  const before = files.map(() => 0)
  for (let i = 1; i < files.length; i++) before[i] = before[i - 1] + files[i - 1].bytes
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  using progress = createProgress({ label: 'corpus', total, unit: 'bytes', quiet })
  let index = 0
  let cursor = START
  let tokens = 0
  const all = async () => {
    const shards: ShardFile[] = [] // opened one after another: verifying a file reads all of it
    for (let one = 0; one < index; one++) shards.push(await openShard(shardPath(folder, one), bench.jobHash))
    return shards
  }
  for (;;) {
    const path = shardPath(folder, index)
    if (existsSync(path)) {
      const { head } = await openShard(path, bench.jobHash)
      index += 1
      cursor = head.ends
      tokens += head.tokens
      const done = before[cursor.file]
      progress.skip(done)
      progress.update(done, `${tokens} tokens, from shards already done`)
      if (head.last) return all()
      continue
    }
    let at = before[cursor.file]
    for await (const shard of shardsFrom(bench, files, { index, cursor })) {
      const path = shardPath(folder, shard.index)
      if (existsSync(path)) break // another run's: continued above
      if (options.strict && shard.faults.length > 0) throw refusal(shard, files)
      const ends = Math.max(at, before[shard.ends.file] + shard.read)
      const onTokens = (done: number) =>
        progress.update(at + ((ends - at) * done) / shard.tokens, `${tokens + done} tokens`)
      const store = bench.job.store.length > 0 ? await openStore(folder, bench, shard) : undefined
      await runShard(bench, shard, path, onTokens, store)
      index += 1
      at = ends
      tokens += shard.tokens
      cursor = shard.ends
      if (shard.last) return all()
    }
  }
}

/** The shards of a corpus from one on. */
export function shardsFrom(
  { model, job }: Pick<Workbench, 'model' | 'job'>,
  files: readonly CorpusFile[],
  from: { readonly index: number; readonly cursor: Cursor },
): AsyncGenerator<Shard> {
  const { config } = model.gpt2
  const found = readDocuments(files, job.columns, from.cursor)
  const vocabulary = { tokenizer: model.tokenizer, bos: bosOf(config), nCtx: config.nCtx }
  return cutShards(found, vocabulary, job.shardTokens, from)
}

export function refusal({ faults: [{ file, row, fault }] }: Shard, files: readonly CorpusFile[]): UserError {
  return new UserError(
    `${files[file].path}, row ${row}: ${fault}: correct it, or leave --strict out to have bad input counted and listed`,
  )
}
