import { Worker } from 'node:worker_threads'
import type { SpawnWorker } from './pool.ts'

/** Starts a worker thread that does not keep the process alive. */
export const spawnWorker: SpawnWorker = (start, onEnd) => {
  const worker = new Worker(new URL('./worker-node.ts', import.meta.url), { workerData: start })
  worker.on('error', onEnd)
  worker.on('exit', (code) => onEnd(new Error(`it exited with code ${code}`)))
  worker.unref()
}
