// A worker of a pool, in Node and in a browser.
import { kernelsOf } from '../instance.ts'
import { JobBoard } from './job-board.ts'

/** What a worker is started with. */
export interface WorkerStart {
  readonly modules: readonly WebAssembly.Module[]
  readonly memory: WebAssembly.Memory
  readonly board: SharedArrayBuffer
  /** Address of the worker's own scratch memory. */
  readonly scratch: number
}

/** A worker's life: wait for a job, take chunks of it, until the pool is closed. An error ends the worker and names itself. */
export function work(start: WorkerStart): void {
  const { memory, scratch } = start
  const thread = { kernels: kernelsOf(start.modules, memory), memory, scratch }
  const board = new JobBoard(start.board)
  for (let job = 0; ;) {
    job = board.waitForJob(job)
    if (board.closed) return
    board.work(thread)
  }
}
