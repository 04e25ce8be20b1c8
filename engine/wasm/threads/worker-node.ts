// A worker's script in Node.
import { workerData } from 'node:worker_threads'
import { work, type WorkerStart } from './worker.ts'

work(workerData as WorkerStart)
