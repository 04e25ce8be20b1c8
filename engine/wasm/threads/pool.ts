// The threads of a backend.
import type { Kernels } from '../instance.ts'
import type { Numbers } from '../kernels.ts'
import { JobBoard, MAX_CHUNKS } from './job-board.ts'
import type { TaskArgs, TaskName } from './tasks.ts'
import type { WorkerStart } from './worker.ts'

/** Starts a worker on `start`; `onEnd` is to be called when it ends, for whatever reason. */
export type SpawnWorker = (start: WorkerStart, onEnd: (reason: Error) => void) => void

/** How long the calling thread waits for the others before it lets the event loop run, which is how it hears that one died. */
const PATIENCE_MS = 100

interface PoolOptions {
  readonly kernels: Kernels
  readonly modules: readonly WebAssembly.Module[]
  readonly memory: WebAssembly.Memory
  /** The address of scratch memory for each thread, the calling thread's first. */
  readonly scratches: readonly number[]
  readonly spawn: SpawnWorker
  /** Whether the calling thread may sleep (not so on a browser's main thread). */
  readonly mayBlock: boolean
}

/**
 * The threads of a backend: the calling one, which always works too, and its workers.
 * One job at a time; a job that is started while another is running waits for it.
 */
export class Pool {
  private readonly options: PoolOptions
  private readonly board = new JobBoard()
  private queue: Promise<void> = Promise.resolve()
  private broken: Error | undefined

  constructor(options: PoolOptions) {
    this.options = options
    const { modules, memory, scratches, spawn } = options
    scratches.slice(1).forEach((scratch, index) => {
      spawn({ modules, memory, board: this.board.buffer, scratch }, (reason) => {
        if (this.board.closed) return
        this.broken ??= new Error(
          `wasm pool: worker ${index + 1} of ${scratches.length - 1} stopped: ${reason.message}. Make a new backend`,
        )
      })
    })
  }

  /** Runs a task's chunks 0 to `chunks` (exclusive). @throws if a chunk fails, or a worker ended */
  run<T extends TaskName>(task: T, args: TaskArgs<T>, chunks: number): Promise<void> {
    if (chunks > MAX_CHUNKS) throw new Error(`wasm pool: ${task} has ${chunks} chunks, at most ${MAX_CHUNKS}`)
    const result = this.queue.then(() => this.runNow(task, args, chunks))
    this.queue = result.catch(() => undefined)
    return result
  }

  /** Ends the workers. */
  close(): void {
    this.board.close()
  }

  private async runNow(task: TaskName, args: Numbers, chunks: number): Promise<void> {
    if (this.broken) throw this.broken
    const { kernels, memory, scratches, mayBlock } = this.options
    this.board.post(task, args, chunks)
    try {
      this.board.work({ kernels, memory, scratch: scratches[0] })
    } catch (cause) {
      throw (this.broken = new Error('wasm pool: a kernel failed. Make a new backend', { cause }))
    }
    while (!this.board.waitUntilDone(PATIENCE_MS, mayBlock)) await this.hearFromWorkers()
    while (this.board.failed) await this.hearFromWorkers()
  }

  private async hearFromWorkers(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve))
    if (this.broken) throw this.broken
  }
}
