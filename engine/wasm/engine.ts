// The modules, the memory and the threads that all ops of the wasm backend work with.
import { checkThreads } from '../checks.ts'
import { detectFeatures } from './platform/features.ts'
import { kernelsOf, type Kernels } from './instance.ts'
import { fastestInt8 } from './platform/int8.ts'
import type { Int8Method, KernelOptions } from './emitter.ts'
import { Arena } from './memory.ts'
import type { Platform } from './platform/platform.ts'
import { Pool } from './threads/pool.ts'
import type { Task } from './threads/task.ts'
import { SCRATCH_BYTES, TASKS, type RangedTask, type TaskArgs, type TaskName } from './threads/tasks.ts'

/** What to use; options left out are detected. What is requested is used, or an error says why it cannot be. */
export interface EngineOptions {
  readonly threads?: number
  /** Fused multiply-add. */
  readonly fused?: boolean
  /** V8's experimental 256-bit code. */
  readonly paired?: boolean
  /** How 8-bit numbers are multiplied. */
  readonly int8?: Int8Method
  /** A limit to the memory, at most 4 GiB. */
  readonly maximumBytes?: number
}

/** The modules, the memory and the threads that all ops of the backend work with. */
export class Engine {
  readonly arena: Arena
  /** Columns of a weight panel. */
  readonly panel: 8 | 16
  /** Whether the code is 256-bit. */
  readonly paired: boolean
  readonly threads: number
  /** What runs, for a result to say, e.g. `simd fma 256-bit, 2 threads`. */
  readonly mode: string
  private readonly kernels: Kernels
  private readonly pool: Pool | undefined
  private readonly scratch: number
  private disposed = false

  /** `emitModules` writes the modules out: kernelModules (module.ts). */
  constructor(
    platform: Platform,
    emitModules: (options: KernelOptions) => Uint8Array<ArrayBuffer>[],
    options: EngineOptions = {},
  ) {
    const features = detectFeatures()
    if (!features.simd)
      throw new Error('wasm: this JavaScript engine has no WebAssembly SIMD; use another backend')
    const fused = options.fused ?? features.fused
    if (fused && !features.fused)
      throw new Error('wasm: fused multiply-add needs relaxed SIMD, which is not here')
    const paired = options.paired ?? platform.pairs()
    if (paired && !platform.pairs()) throw new Error('wasm: this JavaScript engine makes no 256-bit code')
    const int8 = options.int8 ?? (features.int8Dot ? fastestInt8(platform, paired) : 'widened')
    if (int8 !== 'widened' && !features.int8Dot)
      throw new Error(`wasm: int8 "${int8}" needs relaxed SIMD, which is not here`)
    const threads = options.threads ?? (features.shared && platform.spawn ? platform.cores : 1)
    checkThreads('wasm', threads, platform.cores)
    if (threads > 1 && !(features.shared && platform.spawn))
      throw new Error('wasm: threads need shared memory: in a browser, a page that is cross-origin isolated')

    const shared = threads > 1
    this.panel = paired ? 16 : 8
    this.paired = paired
    this.threads = threads
    this.mode = `simd${fused ? ' fma' : ''} ${paired ? 256 : 128}-bit, ${threads} thread${threads > 1 ? 's' : ''}`
    this.arena = new Arena({ shared, maximumBytes: options.maximumBytes })
    const emitted = emitModules({ fused, panel: this.panel, int8, paired, shared })
    const modules = emitted.map((bytes) => platform.compile(bytes, { paired }))
    this.kernels = kernelsOf(modules, this.arena.memory)
    const scratches = Array.from({ length: threads }, () => this.arena.allocate(SCRATCH_BYTES, 'scratch'))
    this.scratch = scratches[0]
    if (threads > 1 && platform.spawn)
      this.pool = new Pool({
        kernels: this.kernels,
        modules,
        memory: this.arena.memory,
        scratches,
        spawn: platform.spawn,
        mayBlock: platform.mayBlock,
      })
  }

  /** Runs the chunks 0 to `chunks` (exclusive) of a task, on all threads if there is more than one chunk. */
  async run<T extends TaskName>(task: T, args: TaskArgs<T>, chunks: number): Promise<void> {
    if (this.disposed) throw new Error(`wasm: ${task} on a backend that was disposed`)
    if (this.pool && chunks > 1) return this.pool.run(task, args, chunks)
    const { kernels, scratch } = this
    const { memory } = this.arena
    const work: Task = TASKS[task]
    for (let chunk = 0; chunk < chunks; chunk++) work.run(args, { kernels, memory, chunk, scratch })
  }

  /** Runs a task of `count` rows, or numbers, in chunks of at least `least` of them. */
  async runRanged<T extends RangedTask>(
    task: T,
    args: Omit<TaskArgs<T>, 'first' | 'last' | 'scratch' | 'perChunk'>,
    count: number,
    least: number,
  ): Promise<void> {
    const perChunk = this.share(count, least)
    const all = { ...args, first: 0, last: count, scratch: 0, perChunk } as TaskArgs<T>
    await this.run(task, all, count === 0 ? 0 : Math.ceil(count / perChunk))
  }

  /** How many of `count` things a chunk gets: some chunks for every thread, but no chunk of fewer than `least`. */
  share(count: number, least: number): number {
    const chunks = Math.min(4 * this.threads, Math.floor(count / Math.max(1, least)))
    return Math.ceil(count / Math.max(1, chunks))
  }

  dispose(): void {
    this.disposed = true
    this.pool?.close()
  }
}
