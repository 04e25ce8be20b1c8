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

/**
 * The threads of a backend: the calling one, which always works too, and its workers.
 * One job at a time; a job that is run while another is on its way waits for it.
 */
export class Pool {
  readonly threads: number
  private readonly kernels: Kernels
  private readonly scratch: number
  private readonly mayBlock: boolean
  private readonly board = new JobBoard()
  private queue: Promise<void> = Promise.resolve()
  private broken: Error | undefined

  /**
   * `scratches`: the address of scratch memory for each thread, the calling thread's first.
   * `mayBlock`: whether the calling thread may sleep (not so on a browser's main thread).
   */
  constructor(options: {
    kernels: Kernels
    module: WebAssembly.Module
    memory: WebAssembly.Memory
    scratches: readonly number[]
    spawn: SpawnWorker
    mayBlock: boolean
  }) {
    const { kernels, module, memory, scratches, spawn, mayBlock } = options
    this.kernels = kernels
    this.threads = scratches.length
    this.scratch = scratches[0]
    this.mayBlock = mayBlock
    scratches.slice(1).forEach((scratch, index) => {
      spawn({ module, memory, board: this.board.buffer, scratch }, (reason) => {
        if (this.board.closed) return
        this.broken ??= new Error(
          `wasm pool: worker ${index + 1} of ${this.threads - 1} stopped: ${reason.message}. Make a new backend`,
        )
      })
    })
  }

  /** Runs a task's chunks 0 to `chunks` (left out). @throws if a chunk fails, or a worker ended */
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
    this.board.post(task, args, chunks)
    this.workHere()
    while (!this.board.waitUntilDone(PATIENCE_MS, this.mayBlock)) await this.hearFromWorkers()
    while (this.board.failed) await this.hearFromWorkers()
  }

  private workHere(): void {
    try {
      this.board.work(this.kernels, this.scratch)
    } catch (cause) {
      this.broken = new Error('wasm pool: a kernel failed. Make a new backend', { cause })
      throw this.broken
    }
  }

  private async hearFromWorkers(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve))
    if (this.broken) throw this.broken
  }
}
