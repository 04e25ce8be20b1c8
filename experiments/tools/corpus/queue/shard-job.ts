// What the queue carries: a shard's number and where it begins. Its texts stay where they are.
import { createHash } from 'node:crypto'
import { UserError } from '../../../lab/cli/user-error.ts'
import type { Cursor } from '../cut.ts'
import { MOST_SHARD_TOKENS, type JobWithoutFiles } from '../job.ts'

/** The queue's name: BullMQ's own tools show it. */
export const QUEUE = 'clearbox-corpus'

export interface ShardJob {
  /** The job that it is part of, without the list of files, and the hash of the whole job. */
  readonly job: JobWithoutFiles
  readonly hash: string
  /** Paths below --root, with slashes. */
  readonly texts: string
  readonly out: string
  readonly index: number
  readonly cursor: Cursor
  /** Workers that began it and never said how it went. */
  readonly begun: readonly string[]
}

/** What a worker reports while it works, or why it does not. */
export interface ShardProgress {
  readonly worker: string
  readonly tokens: number
  readonly refused?: string
}

/** What no worker can or may work on. */
export class BadShard extends UserError {
  override name = 'BadShard'
}

/** A job's id in the queue, made of a corpus in a folder, a shard and a run. A shard that is queued again has another run. */
export function shardJobId({ hash, out, index }: ShardJob, run: number): string {
  const corpus = createHash('sha256').update(hash).update(out).digest('hex').slice(0, 16)
  return `${corpus}-${index}-${run}`
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const CURSOR = ['file', 'row', 'document', 'window'] as const satisfies readonly (keyof Cursor)[]

/** Checks what came from the queue, where anyone may have put it. @throws BadShard if it is not a shard */
export function readShardJob(data: unknown): ShardJob {
  const { job, hash, texts, out, index, cursor, begun } = (data ?? {}) as Partial<ShardJob>
  const { columns, seed, shardTokens, store, saes } = job ?? {}
  const good =
    [hash, texts, out, columns?.text, columns?.label].every(isText) &&
    [index, seed, shardTokens, ...CURSOR.map((part) => cursor?.[part])].every(isCount) &&
    shardTokens! <= MOST_SHARD_TOKENS &&
    Array.isArray(store) &&
    store.every(isText) &&
    Array.isArray(begun) &&
    begun.every(isText) &&
    Array.isArray(saes) &&
    saes.every((sae: { hook?: unknown } | null) => isText(sae?.hook))
  if (!good) throw new BadShard('an entry of the queue is not a shard of a corpus')
  return data as ShardJob
}
