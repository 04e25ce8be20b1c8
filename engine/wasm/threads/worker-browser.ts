// A worker's script in a browser.
import { work, type WorkerStart } from './worker.ts'

self.addEventListener('message', (event: MessageEvent<WorkerStart>) => work(event.data))
