import { startWorker } from '../worker/start.ts'

const worker = startWorker('wasm')
worker.addEventListener('message', ({ data }) => console.log(data))
