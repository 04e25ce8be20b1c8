// Starts the worker that a backend needs.
/**
 * The worker that serves a backend. gpu.js makes functions from source, which the policy of the other worker's script
 * forbids: it has a script of its own.
 */
export function startWorker(backend: string): Worker {
  return backend.startsWith('gpujs:')
    ? new Worker(new URL('./gpujs.worker.ts', import.meta.url), { type: 'module', name: backend })
    : new Worker(new URL('./model.worker.ts', import.meta.url), { type: 'module', name: backend })
}
