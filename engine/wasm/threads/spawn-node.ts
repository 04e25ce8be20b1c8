// Starts the pool's workers in Node.
import { Worker } from 'node:worker_threads'
import type { SpawnWorker } from './pool.ts'

/** Starts a worker thread that does not keep the process alive. The program's own flags are not for it (`node -e` ends it). */
export const spawnWorker: SpawnWorker = (start, onEnd) => {
  const url = new URL('./worker-node.ts', import.meta.url)
  const worker = new Worker(url, { workerData: start, execArgv: [] })
  worker.on('error', onEnd)
  worker.on('exit', (code) => onEnd(new Error(`it exited with code ${code}`)))
  worker.unref()
}
