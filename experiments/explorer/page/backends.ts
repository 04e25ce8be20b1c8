/** What can be asked to compute, in the words of the page. The names are those of engine/backends.ts; a test holds them to it. */
export interface BackendName {
  readonly name: string
  readonly words: string
}

export const BACKENDS: readonly BackendName[] = [
  { name: 'wasm', words: 'our own kernels, fast' },
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

/** Those that compute on several threads where the page may share memory. */
const THREADED = ['wasm', 'gpujs:webasm']

/** What the page may do with threads, in a sentence; '' where the backend has no use for them. */
export function threadsSentence(backend: string, isolated: boolean): string {
  if (!THREADED.includes(backend)) return ''
  return isolated
    ? 'This page is cross-origin isolated: threads may share memory.'
    : 'This page is not cross-origin isolated (its server does not send the two headers for it), so threads cannot share ' +
        'memory: one thread computes, slower, with the same numbers.'
}
