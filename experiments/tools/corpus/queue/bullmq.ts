// BullMQ on ioredis: optional peer dependencies, loaded when a queue is asked for. Only the parts used here are declared.
import { UserError } from '../../../lab/cli/user-error.ts'
import { printNote } from '../../../lab/cli/print.ts'
import { QUEUE } from './shard-job.ts'

export interface QueuedJob {
  readonly id?: string
  readonly data: unknown
  readonly progress: unknown
  readonly failedReason?: string
  /** completed, failed, delayed, active, waiting, or unknown if it is gone */
  getState(): Promise<string>
  updateData(data: unknown): Promise<void>
  updateProgress(progress: unknown): Promise<void>
  /** token: that of the worker that has it */
  moveToWait(token?: string): Promise<unknown>
}

export interface JobQueue {
  /** Does nothing if the queue already has a job with this id. */
  add(name: string, data: unknown, options: object): Promise<unknown>
  getJob(id: string): Promise<QueuedJob | undefined>
  getJobs(states: readonly string[]): Promise<QueuedJob[]>
  /** Does not touch a job that is being worked on. */
  remove(id: string): Promise<unknown>
  on(event: 'error', handler: (error: Error) => void): unknown
  close(): Promise<void>
}

export interface JobWorker {
  run(): Promise<void>
  close(force?: boolean): Promise<void>
  on(event: 'error', handler: (error: Error) => void): unknown
}

export type Process = (job: QueuedJob, token?: string) => Promise<unknown>

/** An error that ends a job at once, and one that says that it was put back. */
export interface JobErrors {
  readonly UnrecoverableError: new (message: string) => Error
  readonly WaitingError: new () => Error
}

interface BullMq extends JobErrors {
  readonly Queue: new (name: string, options: { connection: Redis }) => JobQueue
  readonly Worker: new (
    name: string,
    process: Process,
    options: { connection: Redis; [option: string]: unknown },
  ) => JobWorker
}

interface Redis {
  connect(): Promise<unknown>
  disconnect(): void
  on(event: 'error', handler: (error: Error) => void): unknown
  on(event: 'close' | 'ready', handler: () => void): unknown
}

interface IoRedis {
  readonly Redis: new (address: string, options: object) => Redis
}

export interface Connection extends Disposable {
  /** The address without user and password. */
  readonly shown: string
  readonly errors: JobErrors
  queue(): JobQueue
  /** @param lock seconds of silence after which a worker is taken for dead */
  worker(process: Process, options: { name: string; lock: number }): JobWorker
}

/** Random kills must never fail a shard: a shard that kills its workers is failed by a count in its data. */
const ANY_NUMBER = 2 ** 31

/**
 * Connects to Redis. A connection that is lost later is waited for.
 * @throws UserError if it is not an address, the packages are missing, or nothing answers there
 */
export async function connect(address: string): Promise<Connection> {
  const shown = checkAddress(address)
  const { Redis } = await load<IoRedis>('ioredis')
  const bullmq = await load<BullMq>('bullmq')
  const client = new Redis(address, {
    lazyConnect: true,
    maxRetriesPerRequest: null, // BullMQ's workers wait as long as it takes
    password: process.env.CLEARBOX_QUEUE_PASSWORD,
    retryStrategy: (times: number) => Math.min(100 * times, 2000),
  })
  let reason: Error | undefined
  client.on('error', (error) => (reason = error))
  try {
    await client.connect()
  } catch (error) {
    client.disconnect()
    throw new UserError(`cannot use Redis at ${shown}: ${(reason ?? (error as Error)).message}`, {
      cause: error,
    })
  }
  let [lost, left] = [false, false]
  client.on('close', () => {
    if (!lost && !left) printNote(`lost ${shown}: waiting for it to come back`)
    lost = true
  })
  client.on('ready', () => {
    printNote(`${shown} is back`)
    lost = false
  })
  return {
    shown,
    errors: bullmq,
    queue: () => quiet(new bullmq.Queue(QUEUE, { connection: client })),
    worker: (process, { name, lock }) =>
      quiet(
        new bullmq.Worker(QUEUE, process, {
          ...{ connection: client, name, autorun: false, maxStalledCount: ANY_NUMBER, runRetryDelay: 1000 },
          ...{ lockDuration: 1000 * lock, stalledInterval: 1000 * lock },
        }),
      ),
    [Symbol.dispose]() {
      left = true
      client.disconnect()
    },
  }
}

/** Errors of the connection are reported once, by its own handler. */
function quiet<T extends JobQueue | JobWorker>(one: T): T {
  one.on('error', () => {})
  return one
}

/** -> the address without user and password */
function checkAddress(address: string): string {
  const url = URL.canParse(address) && !/\s/.test(address) ? new URL(address) : undefined
  const good =
    url &&
    /^rediss?:$/.test(url.protocol) &&
    url.hostname !== '' &&
    url.search === '' &&
    /^(\/\d*)?$/.test(url.pathname)
  if (!good)
    throw new UserError(
      '--queue: expected redis://HOST[:PORT][/DATABASE], or rediss:// for TLS, with USER:PASSWORD@ before HOST if it requires a password ' +
        '(a / in a password is written %2F); your input is not shown, because it may hold a password',
    )
  return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`
}

/** Names, not literals: bundlers would look for the packages. */
async function load<T>(name: string): Promise<T> {
  try {
    return (await import(/* @vite-ignore */ name)) as T
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_MODULE_NOT_FOUND')
      throw new UserError(
        `--queue needs the package ${name}, which is not installed: npm install --no-save --save-dev bullmq@6.7.0 ioredis@6.0.0 (16 MB)`,
        { cause: error },
      )
    throw new UserError(`the package ${name} does not load: ${message}`, { cause: error })
  }
}
