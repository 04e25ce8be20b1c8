// One thread of a measurement of the roofline.
import { workerData, parentPort } from 'node:worker_threads'
import { instantiate } from '../engine/wasm/instance.ts'

/** What one thread of a measurement is given. */
export interface MeasureStart {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly call: string // an exported function
  readonly args: readonly number[]
  readonly repeats: number
  readonly threads: number
  readonly gate: SharedArrayBuffer // how many threads are at the start
}

const { module, memory, call, args, repeats, threads, gate } = workerData as MeasureStart
const work = instantiate<Record<string, (...args: number[]) => void>>(module, memory)[call]
work(...args) // maps the pages it touches, before anything is timed

const waiting = new Int32Array(gate)
if (Atomics.add(waiting, 0, 1) + 1 < threads)
  for (let seen = 0; (seen = Atomics.load(waiting, 0)) < threads;) Atomics.wait(waiting, 0, seen)
else Atomics.notify(waiting, 0)

const times: number[] = []
for (let i = 0; i < repeats; i++) {
  const start = performance.now()
  work(...args)
  times.push(performance.now() - start)
}
parentPort!.postMessage(times)
