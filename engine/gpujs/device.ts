// Runs kernels by gpu.js, and works around its faults (FAULTS.md).
import { checkThreads } from '../checks.ts'
import { Tensor, showShape, sizeOf, type Shape } from '../tensor.ts'
import type { Kernel, KernelInput, Launch } from './kernel.ts'
import {
  adapterOf,
  cannotRun,
  checkMode,
  checkRan,
  isGpu,
  loadGpuJs,
  type Adapter,
  type GpuInstance,
  type GpuJs,
  type Mode,
  type RunnableKernel,
} from './modes.ts'
import { GpuTensor, flatten, type GpuHandle, type TensorOwner } from './tensor.ts'
import { copy } from './upload.ts'

export interface DeviceOptions {
  /** webasm: how many workers share a large kernel; default: one per core. */
  readonly threads?: number
  /** No tensor takes more than this; default: what the GPU can bind at once. */
  readonly maxBytes?: number
}

/** Loops whose bound is not known when a kernel is compiled stop here; no row is as long. */
const longestLoop = 2 ** 22

/** Bytes from which it pays to free the copy kernel's input, which would else stay as large as the largest so far. */
const largeUpload = 2 ** 22

const blobAdvice =
  "; its threads are workers made from blobs, and the code is made here: a Content-Security-Policy must allow worker-src blob: and script-src 'wasm-unsafe-eval'"

const cores = (): number => globalThis.navigator?.hardwareConcurrency ?? 4

/** Runs kernels in one of gpu.js's modes, and keeps tensors where that mode computes. */
export class Device implements TensorOwner {
  readonly mode: Mode
  readonly alive = new Set<GpuTensor>()
  readonly #gpujs: GpuJs
  readonly #gpu: GpuInstance
  readonly #options: DeviceOptions
  readonly #programs = new Map<Kernel, Map<string, RunnableKernel>>()
  readonly #sizes = new WeakMap<RunnableKernel, string>()
  #turn: Promise<unknown> = Promise.resolve()
  /** Known once a kernel has run. */
  #adapter: Adapter | undefined
  #viewClass: (new (handle: GpuHandle) => GpuHandle) | undefined

  private constructor(gpujs: GpuJs, mode: Mode, options: DeviceOptions) {
    this.#gpujs = gpujs
    this.#gpu = new gpujs.GPU({ mode })
    this.mode = mode
    this.#options = options
  }

  /** @throws with the reason if the mode cannot run here, or gpu.js runs another */
  static async start(mode: Mode, options: DeviceOptions = {}): Promise<Device> {
    checkThreads(`gpujs:${mode}`, options.threads ?? 1, cores())
    const gpujs = await loadGpuJs()
    await checkMode(gpujs, mode)
    const device = new Device(gpujs, mode, options)
    // As many cells as make webasm start a thread: one that may not start is found out now.
    const numbers = Tensor.of(
      [64, 64],
      Array.from({ length: 4096 }, (_, i) => i),
    )
    using uploaded = new GpuTensor(device, numbers.shape, numbers.data)
    using copied = await device.run(copy, { grid: numbers.shape }, uploaded).catch((error: Error) => {
      throw cannotRun(mode, error.message + (mode === 'webasm' ? blobAdvice : ''), error)
    })
    const { data } = await copied.download()
    const wrong = numbers.data.findIndex((number, i) => data[i] !== number)
    if (wrong >= 0) throw cannotRun(mode, `copying ${numbers.data[wrong]} gave ${data[wrong]}`)
    return device
  }

  /** What computes, as every result reports it. */
  get description(): string {
    if (this.mode === 'cpu') return 'plain JavaScript, 1 thread'
    if (this.mode === 'webasm') return `WebAssembly SIMD, ${this.#threads()}`
    return this.#adapter?.description ?? ''
  }

  #threads(): string {
    if (typeof SharedArrayBuffer === 'undefined') return '1 thread (no shared memory here)'
    return `${this.#options.threads ?? cores()} threads where a kernel has 4,096 cells`
  }

  /** The most bytes one tensor may have: weights, and what `linear` and `sparseEncode` make, are cut. */
  get maxBytes(): number {
    return Math.min(this.#options.maxBytes ?? Infinity, this.#adapter?.mostBytes ?? Infinity)
  }

  /** A tensor of the host's numbers; they go to the GPU when a kernel first reads them. */
  tensor({ shape, data }: Tensor): GpuTensor {
    return new GpuTensor(this, shape, data)
  }

  /** Puts weights on the device now, and frees what the way there took. */
  async upload(weights: Tensor): Promise<GpuTensor> {
    const tensor = this.tensor(weights)
    if (sizeOf(weights.shape) > 0) await this.#makeResident(tensor)
    if (weights.data.byteLength > largeUpload) await this.#inTurn(async () => this.#forget(copy))
    return tensor
  }

  /** Runs `kernel` once for each cell of the grid. The inputs must not be empty; the grid may be. */
  async run(kernel: Kernel, launch: Launch, ...inputs: readonly KernelInput[]): Promise<GpuTensor> {
    const shape = launch.shape ?? launch.grid
    this.#checkFits(shape)
    if (sizeOf(launch.grid) === 0) return new GpuTensor(this, shape, new Float32Array(0))
    for (const input of inputs) await this.#makeResident(input)
    const result = await this.#inTurn(() => this.#launch(kernel, launch, inputs))
    return new GpuTensor(this, shape, isGpu(this.mode) ? (result as GpuHandle) : flatten(result, shape))
  }

  /** On a GPU, numbers of the host become a texture or buffer by way of the copy kernel, once. */
  async #makeResident(input: KernelInput): Promise<void> {
    if (!isGpu(this.mode) || input instanceof Float32Array) return
    const tensor = input instanceof GpuTensor ? input : input.tensor
    this.#checkFits(tensor.shape)
    if (!(tensor.storage instanceof Float32Array)) return
    const grid = matrixForm(tensor.shape)
    const numbers = this.#hostInput(tensor.storage, grid)
    tensor.moveTo((await this.#inTurn(() => this.#execute(copy, { grid }, [numbers]))) as GpuHandle)
  }

  /** @throws where the GPU could not bind a tensor of this shape */
  #checkFits(shape: Shape): void {
    const bytes = 4 * sizeOf(shape)
    if (bytes > this.maxBytes)
      throw new Error(
        `gpujs:${this.mode}: a tensor ${showShape(shape)} takes ${bytes} bytes, and this GPU binds at most ${this.maxBytes} at once; take fewer tokens or texts at a time, or a backend that computes in host memory (wasm)`,
      )
  }

  /** gpu.js kernels are set up and started in two steps: no other may come between. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => {})
    return result
  }

  async #launch(kernel: Kernel, launch: Launch, inputs: readonly KernelInput[]): Promise<unknown> {
    const views: GpuHandle[] = []
    const given = inputs.map((input) => {
      if (input instanceof Float32Array) return this.#hostInput(input, [input.length])
      const { tensor, shape } = input instanceof GpuTensor ? { tensor: input, shape: input.shape } : input
      if (tensor.storage instanceof Float32Array) return this.#hostInput(tensor.storage, shape)
      const view = this.#view(tensor.storage, sizeOfGrid(shape))
      views.push(view)
      return view
    })
    try {
      return await this.#execute(kernel, launch, given)
    } finally {
      for (const view of views) view.delete()
    }
  }

  /** The same texture or buffer with its indices counted in other dimensions: x, y, z. */
  #view(handle: GpuHandle, size: readonly number[]): GpuHandle {
    // WORKAROUND, fault 5 in FAULTS.md: a WebGL program takes textures of one JavaScript class only, and results
    // of one, two and three dimensions are of three. All are shown to kernels as the class of the first result.
    this.#viewClass ??= handle.constructor as new (handle: GpuHandle) => GpuHandle
    const view = new this.#viewClass(handle)
    view.output = size
    if (view.dimensions) view.dimensions = [size[0], size[1] ?? 1, size[2] ?? 1]
    if (view.componentCount) view.componentCount = 1
    // Four numbers per thread fill a texel; four per texel is also how gpu.js packs single numbers.
    if (handle.type === 'ArrayTexture(4)') view.type = 'MemoryOptimizedNumberTexture'
    return view
  }

  /** Numbers in host memory as gpu.js takes them. */
  #hostInput(numbers: Float32Array, shape: Shape): unknown {
    // WORKAROUND, fault 1 in FAULTS.md: on mode cpu an input() of changing size is read with the output's width.
    if (this.mode === 'cpu') return nested(numbers, shape)
    return this.#gpujs.input(numbers, sizeOfGrid(shape))
  }

  async #execute(kernel: Kernel, launch: Launch, inputs: unknown[]): Promise<unknown> {
    const { grid } = launch
    const folds = grid.length === 2 && Math.max(...grid) > (this.#adapter?.texelsASide ?? Infinity)
    const size = folds ? [grid[1], 1, grid[0]] : sizeOfGrid(grid)
    const program = this.#program(kernel, folds, size, launch, inputs)
    this.#resize(program, size)
    const result = await runNamed(this.mode, kernel, () => program(...inputs))
    checkRan(this.mode, program)
    if (isGpu(this.mode)) this.#adapter ??= adapterOf(this.mode, program.kernel.context)
    return result
  }

  /** Only where the size changes: WebGL makes a new texture and a new canvas for it. */
  #resize(program: RunnableKernel, size: readonly number[]): void {
    if (this.#sizes.get(program) === size.join()) return
    program.setOutput(size)
    this.#sizes.set(program, size.join())
  }

  /** The kernel compiled for these constants; sizes of inputs and output may change from run to run. */
  #program(
    kernel: Kernel,
    folds: boolean,
    size: readonly number[],
    { constants = {}, functions = [] }: Launch,
    inputs: readonly unknown[],
  ): RunnableKernel {
    const variants = this.#programs.get(kernel) ?? new Map<string, RunnableKernel>()
    this.#programs.set(kernel, variants)
    // WORKAROUND, fault 3 in FAULTS.md: a program that was compiled for input() numbers fails on a texture.
    const kinds = inputs.map((input) => (isHandle(input) ? input.type : 'host'))
    const key = JSON.stringify([folds, size.length, constants, kinds])
    const found = variants.get(key)
    if (found) return found
    // WORKAROUND, fault 6 in FAULTS.md: WebGL lays rows and columns out as they are, and fails without a word where one
    // is longer than a texture's side. Rows and layers it folds as needed: so the kernel's rows become layers.
    const source = folds ? kernel.toString().replaceAll('this.thread.y', 'this.thread.z') : kernel
    const program = this.#gpu.createKernel(source, {
      output: size,
      constants,
      functions,
      dynamicOutput: true,
      dynamicArguments: true,
      asyncMode: true,
      pipeline: isGpu(this.mode),
      immutable: isGpu(this.mode), // each result has a texture or buffer of its own
      precision: 'single',
      tactic: 'precision',
      loopMaxIterations: longestLoop,
      ...(this.mode === 'webasm' && this.#options.threads ? { poolSize: this.#options.threads } : {}),
    })
    variants.set(key, program)
    return program
  }

  #forget(kernel: Kernel): void {
    for (const program of this.#programs.get(kernel)?.values() ?? []) program.destroy()
    this.#programs.delete(kernel)
  }

  async dispose(): Promise<void> {
    await this.#turn
    for (const tensor of this.alive) tensor.free()
    await this.#gpu.destroy()
  }
}

/** gpu.js reads a kernel's text when it first runs. @throws with the reason where a bundler has shortened its names */
async function runNamed(mode: Mode, kernel: Kernel, run: () => Promise<unknown>): Promise<unknown> {
  try {
    return await run()
  } catch (error) {
    if (kernel.toString().includes('\n')) throw error
    throw new Error(
      `gpujs:${mode}: gpu.js cannot read a kernel (${(error as Error).message}). Its text was minified: have the bundler keep names, in Vite by build.rolldownOptions.output.minify = { compress: true, mangle: false, codegen: true }`,
      { cause: error },
    )
  }
}

function isHandle(input: unknown): input is GpuHandle {
  return typeof input === 'object' && input !== null && 'toArray' in input && 'delete' in input
}

/** A shape as gpu.js counts it: x first. */
function sizeOfGrid(shape: Shape): number[] {
  return [...shape].reverse()
}

/** Any shape as rows of its last dimension. */
export function matrixForm(shape: Shape): [rows: number, width: number] {
  const width = shape.length === 0 ? 1 : shape[shape.length - 1]
  return [width === 0 ? 0 : sizeOf(shape) / width, width]
}

/** Flat numbers as rows (of rows): views, not copies. */
function nested(numbers: Float32Array, shape: Shape): unknown {
  if (shape.length <= 1) return numbers
  const inner = sizeOf(shape.slice(1))
  return Array.from({ length: shape[0] }, (_, i) =>
    nested(numbers.subarray(i * inner, (i + 1) * inner), shape.slice(1)),
  )
}
