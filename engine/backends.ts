// Every backend by its name: what a user can ask for, and how it starts.
import type { Backend } from './backend.ts'
import type { Mode } from './gpujs/modes.ts'
import { createReferenceBackend } from './reference/backend.ts'

/** The options of a backend when it starts; each backend takes those that concern it. */
export interface BackendOptions {
  /** How many threads compute; left out, the backend chooses. */
  readonly threads?: number
  /** 256-bit code made of pairs of 128-bit operations, behind an experimental flag of V8; if left out, used where its self-check passes. */
  readonly paired?: boolean
  /** How sparseEncode finds the positive outputs; both ways give the same bits. If left out, screened where that is faster. */
  readonly sparseEncoder?: 'dense' | 'screened'
}

interface BackendEntry {
  readonly description: string
  /** The options that it takes; any other is refused, not ignored. */
  readonly options: readonly (keyof BackendOptions)[]
  /** Set where a plain install in Node cannot start it: a browser does, or, in Node, an optional package. */
  readonly needs?: 'browser' | 'browser or package webgpu'
  /** The most memory that all tensors and weights may take together; if left out, what the machine has. */
  readonly mostBytes?: number
  create(options: BackendOptions): Promise<Backend>
}

/** Each of gpu.js's modes is a backend; gpu.js itself is loaded when one starts. */
async function createGpuJs(mode: Mode, options: BackendOptions): Promise<Backend> {
  const { createGpuJsBackend } = await import('./gpujs/backend.ts')
  return createGpuJsBackend(mode, options)
}

/** The SIMD kernels, with what Node or the browser gives them: threads, flags. */
async function createWasm(options: BackendOptions): Promise<Backend> {
  const { createWasmBackend } = await import('./wasm/backend.ts')
  const { platform } = await import('#wasm-platform')
  return createWasmBackend(platform, options)
}

/** The one registry: every backend by the name a user asks for it. */
export const backends: Readonly<Record<string, BackendEntry>> = {
  wasm: {
    description: 'WebAssembly SIMD kernels on all cores: the fast backend',
    options: ['threads', 'paired', 'sparseEncoder'],
    mostBytes: 2 ** 32, // WebAssembly's addresses have 32 bits
    create: createWasm,
  },
  reference: {
    description: 'plain loops with float64 sums: slow, exact, made to be read',
    options: [],
    create: async () => createReferenceBackend(),
  },
  'gpujs:cpu': {
    description: 'gpu.js kernels as plain JavaScript: for following a kernel with a debugger',
    options: [],
    create: (options) => createGpuJs('cpu', options),
  },
  'gpujs:webasm': {
    description: 'gpu.js kernels as WebAssembly with threads',
    options: ['threads'],
    create: (options) => createGpuJs('webasm', options),
  },
  'gpujs:webgl2': {
    description: 'gpu.js kernels as WebGL2 fragment shaders',
    options: [],
    needs: 'browser',
    create: (options) => createGpuJs('webgl2', options),
  },
  'gpujs:webgpu': {
    description: 'gpu.js kernels as WebGPU compute shaders',
    options: [],
    needs: 'browser or package webgpu',
    create: (options) => createGpuJs('webgpu', options),
  },
}

export const defaultBackend = 'wasm'

/**
 * Starts the backend of this name; `await using` stops it where the block ends, as `dispose()` does.
 * @throws saying why, for an unknown name, for an option that the backend does not take, or if it cannot run here: an explicit
 *   choice never falls back to another
 */
export async function createBackend(
  name = defaultBackend,
  options: BackendOptions = {},
): Promise<Backend & AsyncDisposable> {
  if (!Object.hasOwn(backends, name))
    throw new Error(`backend "${name}" is not known; the backends are ${Object.keys(backends).join(', ')}`)
  for (const [option, value] of Object.entries(options))
    if (value !== undefined && !backends[name].options.includes(option as keyof BackendOptions))
      throw new Error(`backend "${name}" has no choice of ${option}; leave it out`)
  const ops = await backends[name].create(options)
  return Object.assign(ops, { [Symbol.asyncDispose]: () => ops.dispose() })
}
