// The backends that the page offers.
/** What can be asked to compute, in the words of the page. The names are those of engine/backends.ts; a test compares them. */
interface BackendName {
  readonly name: string
  readonly words: string
  /** The most bytes that all weights may take together; default: whatever the browser allows. */
  readonly mostBytes?: number
}

export const BACKENDS: readonly BackendName[] = [
  { name: 'wasm', words: 'our own kernels, fast', mostBytes: 2 ** 32 },
  { name: 'gpujs:webgpu', words: 'on the graphics card' },
  { name: 'gpujs:webgl2', words: 'on the graphics card' },
  { name: 'gpujs:webasm', words: 'WebAssembly made by gpu.js' },
  { name: 'gpujs:cpu', words: 'plain JavaScript' },
  { name: 'reference', words: 'plain loops, slow, exact' },
]

export const DEFAULT_BACKEND = 'wasm'

export function isBackend(name: string): boolean {
  return BACKENDS.some((backend) => backend.name === name)
}
