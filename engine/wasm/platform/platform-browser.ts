// The engine's platform in a browser.
import type { Platform } from './platform.ts'

/** Whether this thread is a worker: the main thread of a page may not sleep, and spins instead. */
const isWorker = typeof document === 'undefined'

/**
 * The engine in a browser. Threads need a page that is cross-origin isolated; the wasm backend says so where asked for
 * more than one. V8's 256-bit flag cannot be set from a page.
 */
export const platform: Platform = {
  compile: (bytes) => new WebAssembly.Module(bytes),
  pairs: () => false,
  spawn(start, onEnd) {
    const worker = new Worker(new URL('../threads/worker-browser.ts', import.meta.url), { type: 'module' })
    worker.addEventListener('error', (event) => onEnd(new Error(event.message || 'its script did not load')))
    worker.postMessage(start)
  },
  mayBlock: isWorker,
  cores: navigator.hardwareConcurrency,
}
