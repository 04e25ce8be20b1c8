import type { Backend } from './backend.ts'
import type { Mode } from './gpujs/modes.ts'
import { createReferenceBackend } from './reference/backend.ts'

/** What a backend may be told when it starts; each takes what concerns it. */
export interface BackendOptions {
  /** How many threads compute; left out, the backend chooses. */
  readonly threads?: number
}

interface BackendEntry {
  readonly description: string
  /** Set where it starts in a browser only. */
  readonly browserOnly?: true
  create(options: BackendOptions): Promise<Backend>
}

/** Each of gpu.js's modes is a backend; gpu.js itself is loaded when one starts. */
async function createGpuJs(mode: Mode, options: BackendOptions): Promise<Backend> {
  const { createGpuJsBackend } = await import('./gpujs/backend.ts')
  return createGpuJsBackend(mode, options)
}

/** The one registry: every backend by the name a user asks for it. */
export const backends: Readonly<Record<string, BackendEntry>> = {
  reference: {
    description: 'plain loops with float64 sums: slow, exact, made to be read',
    create: async () => createReferenceBackend(),
  },
  'gpujs:cpu': {
    description: 'gpu.js kernels as plain JavaScript: for following a kernel with a debugger',
    create: (options) => createGpuJs('cpu', options),
  },
  'gpujs:webasm': {
    description: 'gpu.js kernels as WebAssembly with threads',
    create: (options) => createGpuJs('webasm', options),
  },
  'gpujs:webgl2': {
    description: 'gpu.js kernels as WebGL2 fragment shaders',
    browserOnly: true,
    create: (options) => createGpuJs('webgl2', options),
  },
  'gpujs:webgpu': {
    description: 'gpu.js kernels as WebGPU compute shaders',
    browserOnly: true,
    create: (options) => createGpuJs('webgpu', options),
  },
}

export const defaultBackend = 'reference'

/** Starts the backend of this name, or fails saying why: an explicit choice never falls back. */
export async function createBackend(name = defaultBackend, options: BackendOptions = {}): Promise<Backend> {
  if (!Object.hasOwn(backends, name))
    throw new Error(`backend "${name}" is not known; there are ${Object.keys(backends).join(', ')}`)
  return backends[name].create(options)
}
