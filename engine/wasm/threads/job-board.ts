// The job board of a pool: what its threads share besides the memory.
import type { Numbers } from '../kernels.ts'
import type { Task, Thread } from './task.ts'
import { TASKS, type TaskName } from './tasks.ts'

/**
 * There is one job at a time, cut into chunks that whoever is free takes.
 * The word CLAIM holds the job's number above the next chunk's number, so that a thread that wakes late, holding the
 * numbers of a job that is over, can claim nothing of the next: a sleeping thread never holds up the others.
 * (It would have to sleep through exactly 2^20 jobs between two instructions to be fooled.)
 */
const [JOB, CLAIM, DONE, COUNT, TASK, FAILED, CLOSED] = [0, 1, 2, 3, 4, 5, 6]
const ARGS_BYTE = 64
const MAX_ARGS = 32
const CHUNK_BITS = 12
const CHUNK_MASK = (1 << CHUNK_BITS) - 1
/** Stands in CLAIM while a job is being written: a job number that no job has. */
const NO_JOB = -1
const JOB_NUMBERS = NO_JOB >>> CHUNK_BITS

/** How often a thread looks again before it goes to sleep: some 20 microseconds, about what waking it would take. */
const SPINS = 5000

/** The most chunks a job may have. */
export const MAX_CHUNKS = CHUNK_MASK

const TASK_NAMES = Object.keys(TASKS) as TaskName[]

export class JobBoard {
  readonly buffer: SharedArrayBuffer
  private readonly words: Int32Array
  private readonly args: Float64Array

  constructor(buffer = new SharedArrayBuffer(ARGS_BYTE + MAX_ARGS * 8)) {
    this.buffer = buffer
    this.words = new Int32Array(buffer, 0, ARGS_BYTE / 4)
    this.args = new Float64Array(buffer, ARGS_BYTE)
  }

  /** Puts up a job and wakes everyone. The job before it must be done. */
  post(task: TaskName, args: Numbers, count: number): void {
    const { words } = this
    const job = Atomics.load(words, JOB) + 1
    Atomics.store(words, CLAIM, NO_JOB)
    words[TASK] = TASK_NAMES.indexOf(task)
    words[COUNT] = count
    const { names }: Task = TASKS[task]
    for (let i = 0; i < names.length; i++) this.args[i] = args[names[i]]
    Atomics.store(words, DONE, 0)
    Atomics.store(words, CLAIM, ((job >>> 0) % JOB_NUMBERS) << CHUNK_BITS)
    Atomics.store(words, JOB, job)
    Atomics.notify(words, JOB)
  }

  /** Takes chunks of the job that is up until none is left. */
  work(thread: Thread): void {
    const { words } = this
    const job = Atomics.load(words, CLAIM) >>> CHUNK_BITS
    if (job === JOB_NUMBERS) return
    const task: Task = TASKS[TASK_NAMES[words[TASK]]]
    const count = words[COUNT]
    const args: Record<string, number> = {}
    for (let i = 0; i < task.names.length; i++) args[task.names[i]] = this.args[i]
    for (let chunk = this.claim(job, count); chunk >= 0; chunk = this.claim(job, count)) {
      try {
        task.run(args, { ...thread, chunk })
      } catch (error) {
        Atomics.store(words, FAILED, 1)
        throw error
      } finally {
        if (Atomics.add(words, DONE, 1) + 1 === count) Atomics.notify(words, DONE)
      }
    }
  }

  /** The next chunk of `job`, or -1 if none is left or another job is up. */
  private claim(job: number, count: number): number {
    for (;;) {
      const seen = Atomics.load(this.words, CLAIM)
      const chunk = seen & CHUNK_MASK
      if (seen >>> CHUNK_BITS !== job || chunk >= count) return -1
      if (Atomics.compareExchange(this.words, CLAIM, seen, seen + 1) === seen) return chunk
    }
  }

  /** Waits until a job is put up after `job`, the last one seen, and returns its number. Only for threads that may block. */
  waitForJob(job: number): number {
    for (let i = 0; i < SPINS && Atomics.load(this.words, JOB) === job; i++);
    while (Atomics.load(this.words, JOB) === job) Atomics.wait(this.words, JOB, job)
    return Atomics.load(this.words, JOB)
  }

  /** Waits until the job's last chunk is done, or about `milliseconds` are over. Says whether it is done. */
  waitUntilDone(milliseconds: number, mayBlock: boolean): boolean {
    const { words } = this
    const until = performance.now() + milliseconds
    while (performance.now() < until) {
      for (let i = 0; i < SPINS; i++) if (Atomics.load(words, DONE) === words[COUNT]) return true
      const done = Atomics.load(words, DONE)
      if (mayBlock && done !== words[COUNT]) Atomics.wait(words, DONE, done, milliseconds)
    }
    return Atomics.load(words, DONE) === words[COUNT]
  }

  get failed(): boolean {
    return Atomics.load(this.words, FAILED) !== 0
  }

  /** Tells the workers to end. */
  close(): void {
    Atomics.store(this.words, CLOSED, 1)
    Atomics.add(this.words, JOB, 1)
    Atomics.notify(this.words, JOB)
  }

  get closed(): boolean {
    return Atomics.load(this.words, CLOSED) !== 0
  }
}
