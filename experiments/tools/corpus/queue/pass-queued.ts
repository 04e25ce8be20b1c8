// The pass over a corpus whose shards a queue hands out: cut here, computed by workers, counted by their files.
import { existsSync } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { onSignal } from '../../../lab/cli/cleanup.ts'
import { printNote } from '../../../lab/cli/print.ts'
import { createProgress, type Progress } from '../../../lab/cli/progress.ts'
import { UserError } from '../../../lab/cli/user-error.ts'
import { isUrl } from '../../../lab/texts/parquet-node.ts'
import { START, type Cursor } from '../cut.ts'
import { refusal, shardPath, shardsFrom, type PassOptions } from '../pass.ts'
import type { Workbench } from '../run-shard.ts'
import { openShard, type ShardFile } from '../shard-file-node.ts'
import { nameBelowRoot } from './below-root.ts'
import { connect, type JobQueue, type QueuedJob } from './bullmq.ts'
import { shardJobId, type ShardJob, type ShardProgress } from './shard-job.ts'

interface QueueOptions extends PassOptions {
  readonly address: string
  /** Paths below the root that workers share. */
  readonly texts: string
  readonly out: string
}

/** A shard whose file is awaited. */
interface Awaited {
  readonly task: ShardJob
  run: number
  readonly tokens: number
  /** Which of the corpus's files it reads. */
  readonly bytes: number
  /** When its job was first seen to be done but its file was not. */
  done?: number
}

/** How much later a file written elsewhere may appear here. */
const SEEN_AFTER_MS = 5000
const LOOK_EVERY_MS = 500
/** How many jobs are checked each time. */
const ASKED = 100

const STATES_AT_WORK = ['waiting', 'delayed', 'active', 'paused']

/** A shard that fails is tried again after one second, then two; finished jobs are kept for a week, for BullMQ's tools. */
const WEEK = { age: 7 * 86_400 }
const JOB = {
  attempts: 3,
  backoff: { type: 'exponential', delay: 1000 },
  removeOnComplete: WEEK,
  removeOnFail: WEEK,
}

/**
 * Has workers make every shard whose file is not there, and waits for them. -> the files of all, by rising number, each verified
 * @throws UserError for bad input, if `strict`; for shards that failed, once all others are there
 */
export async function passQueued(bench: Workbench, options: QueueOptions): Promise<ShardFile[]> {
  using redis = await connect(options.address)
  const bytes = options.files.reduce((sum, file) => sum + file.bytes, 0)
  using progress = createProgress({ label: 'corpus', total: bytes, unit: 'bytes', quiet: options.quiet })
  if (!options.quiet)
    printNote(
      `shards go to ${redis.shown}, and this command waits for workers to compute them: npm run corpus:worker -- --help says how to start one`,
    )
  const pass = new QueuedPass(bench, options, redis.queue(), progress)
  using _ = onSignal(() => pass.withdraw())
  try {
    await pass.dropFormer()
    await Promise.all([pass.cut(), pass.watch()])
  } catch (error) {
    await pass.withdraw()
    throw error
  }
  return pass.shards()
}

class QueuedPass {
  readonly #bench: Workbench
  readonly #options: QueueOptions
  readonly #queue: JobQueue
  readonly #progress: Progress
  readonly #awaited = new Map<number, Awaited>()
  readonly #failed = new Map<number, string>()
  readonly #refusals = new Set<string>()
  /** How many there are; known once all are cut. */
  #shards: number | undefined
  #tokens = 0
  #bytes = 0
  #ended = false

  constructor(bench: Workbench, options: QueueOptions, queue: JobQueue, progress: Progress) {
    this.#bench = bench
    this.#options = options
    this.#queue = queue
    this.#progress = progress
  }

  /** Removes from the queue what an earlier corpus in the same folder left there. */
  async dropFormer(): Promise<void> {
    for (const { id, data } of await this.#queue.getJobs(['waiting', 'delayed'])) {
      const { out, hash } = (data ?? {}) as Partial<ShardJob>
      if (out === this.#options.out && hash !== this.#bench.jobHash) await this.#queue.remove(id!)
    }
  }

  /** Queues the shards whose files are not there. */
  async cut(): Promise<void> {
    const { files, folder, strict } = this.#options
    const before = files.map(() => 0)
    for (let i = 1; i < files.length; i++) before[i] = before[i - 1] + files[i - 1].bytes
    let [index, cursor, at] = [0, START, 0]
    for (;;) {
      if (existsSync(shardPath(folder, index))) {
        const { head } = await openShard(shardPath(folder, index), this.#bench.jobHash)
        const ends = Math.max(at, before[head.ends.file])
        this.#progress.skip(ends - at)
        this.#done({ tokens: head.tokens, bytes: ends - at })
        ;[index, cursor, at] = [index + 1, head.ends, ends]
        if (head.last) return void (this.#shards = index)
        continue
      }
      for await (const shard of shardsFrom(this.#bench, files, { index, cursor })) {
        if (this.#ended || existsSync(shardPath(folder, index))) break
        if (strict && shard.faults.length > 0) throw refusal(shard, files)
        const ends = Math.max(at, before[shard.ends.file] + shard.read)
        const one = { task: this.#task(index, cursor), run: 0, tokens: shard.tokens, bytes: ends - at }
        await this.#send(one)
        this.#awaited.set(index, one)
        ;[index, cursor, at] = [index + 1, shard.ends, ends]
        if (shard.last) return void (this.#shards = index)
      }
      if (this.#ended) return
    }
  }

  #task(index: number, cursor: Cursor): ShardJob {
    const { job: all, jobHash: hash } = this.#bench
    const { files: _, ...job } = all
    return { job, hash, texts: this.#options.texts, out: this.#options.out, index, cursor, begun: [] }
  }

  /** Queues a shard, unless it is already waiting there, from another command, or from this one before it was killed. */
  async #send(one: Awaited): Promise<void> {
    for (; ; one.run++) {
      const jobId = shardJobId(one.task, one.run)
      const job = await this.#queue.getJob(jobId)
      if (!job) return void (await this.#queue.add('shard', one.task, { ...JOB, jobId }))
      if (STATES_AT_WORK.includes(await job.getState())) return
    }
  }

  #done({ tokens, bytes }: { tokens: number; bytes: number }): void {
    this.#tokens += tokens
    this.#bytes += bytes
  }

  /** Resolves when every shard has its file or has failed. */
  async watch(): Promise<void> {
    while (!this.#ended && (this.#shards === undefined || this.#awaited.size > 0)) {
      await this.#look()
      await setTimeout(LOOK_EVERY_MS)
    }
  }

  async #look(): Promise<void> {
    const { folder } = this.#options
    const names = new Set(await readdir(dirname(shardPath(folder, 0))).catch(() => []))
    for (const [index, one] of this.#awaited)
      if (names.has(basename(shardPath(folder, index)))) {
        this.#awaited.delete(index)
        this.#done(one)
      }
    for (const [index, one] of [...this.#awaited].slice(0, ASKED)) {
      this.#awaited.delete(index)
      if (await this.#isAwaited(one)) this.#awaited.set(index, one) // after those that were not checked
    }
    this.#show(await this.#queue.getJobs(['active']))
  }

  /** Asks the queue about a shard, and queues it again if it is neither done nor being computed. Notes one that failed. */
  async #isAwaited(one: Awaited): Promise<boolean> {
    const { index } = one.task
    const job = await this.#queue.getJob(shardJobId(one.task, one.run))
    const state = await job?.getState()
    this.#noteRefusal(job)
    if (state === 'failed') {
      this.#failed.set(index, job!.failedReason!)
      if (!this.#options.quiet) printNote(`shard ${index} failed: ${job!.failedReason}`)
      return false
    }
    if (state !== undefined && STATES_AT_WORK.includes(state)) return true
    if (state === 'completed') one.done ??= performance.now()
    const mayShow = one.done !== undefined && performance.now() - one.done < SEEN_AFTER_MS
    if (mayShow || existsSync(shardPath(this.#options.folder, index))) return true
    one.run += 1
    one.done = undefined
    await this.#send(one)
    return true
  }

  #noteRefusal(job: QueuedJob | undefined): void {
    const { worker, refused } = (job?.progress || {}) as Partial<ShardProgress>
    if (refused === undefined || this.#refusals.has(worker!)) return
    this.#refusals.add(worker!)
    if (!this.#options.quiet) printNote(`worker ${worker}: ${refused}`)
  }

  #show(active: readonly QueuedJob[]): void {
    const workers = new Set<string>()
    let [tokens, bytes] = [this.#tokens, this.#bytes]
    for (const { id, data, progress } of active) {
      const one = this.#awaited.get((data as ShardJob).index)
      if (!one || id !== shardJobId(one.task, one.run)) continue
      const { worker = id, tokens: made = 0 } = (progress || {}) as Partial<ShardProgress>
      workers.add(worker)
      tokens += made
      bytes += (one.bytes * made) / Math.max(1, one.tokens)
    }
    const failed = this.#failed.size > 0 ? `, ${this.#failed.size} failed` : ''
    const waiting = this.#awaited.size - workers.size
    this.#progress.update(
      bytes,
      `${tokens} tokens, ${workers.size} workers, ${waiting} shards waiting${failed}`,
    )
  }

  /** Removes from the queue what no worker has begun. */
  async withdraw(): Promise<void> {
    this.#ended = true
    const ids = Array.from(this.#awaited.values(), (one) => shardJobId(one.task, one.run))
    await Promise.all(ids.map((id) => this.#queue.remove(id).catch(() => undefined)))
  }

  async shards(): Promise<ShardFile[]> {
    const failed = [...this.#failed].sort(([a], [b]) => a - b)
    if (failed.length > 0)
      throw new UserError(
        `${failed.length} of ${this.#shards} shards failed, all others are done: ` +
          `${failed
            .slice(0, 3)
            .map(([index, reason]) => `shard ${index}: ${reason}`)
            .join('; ')}: ` +
          'correct what is wrong; the same command then works only on those',
      )
    const shards: ShardFile[] = [] // opened one after another: verifying a file reads all of it
    for (let index = 0; index < this.#shards!; index++)
      shards.push(await openShard(shardPath(this.#options.folder, index), this.#bench.jobHash))
    return shards
  }
}

/** Where workers find texts and results below their own --root. @throws UserError if they are not below this machine's */
export async function queueOptions(
  address: string,
  { root, texts, out }: { readonly root: string; readonly texts: string; readonly out: string },
): Promise<Pick<QueueOptions, 'address' | 'texts' | 'out'>> {
  if (isUrl(texts))
    throw new UserError('--queue: texts at an address cannot be shared between workers: fetch them first')
  const real = await realpath(root).catch((cause: Error) => {
    throw new UserError(`--root: ${cause.message}`, { cause })
  })
  return {
    address,
    texts: await nameBelowRoot(real, resolve(texts)),
    out: await nameBelowRoot(real, resolve(out)),
  }
}
