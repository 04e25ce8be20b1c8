import { Worker } from 'node:worker_threads'
import { detectFeatures } from '../engine/wasm/platform/features.ts'
import { nodePlatform } from '../engine/wasm/platform/platform-node.ts'
import {
  FLOAT32_PER_ROUND,
  INT8_PER_ROUND,
  peakModule,
  type Instructions,
} from '../engine/wasm/platform/peak.ts'
import { readModule } from './read-module.ts'
import { makeRow, type Ceiling, type Cost, type Row } from './rows.ts'
import type { MeasureStart } from './roofline-worker.ts'

/** Far more than the last cache of any machine this is likely to run on. */
const READ_BYTES = 2 ** 29
const PAGE_BYTES = 65536
/** About 10 ms of arithmetic. */
const ROUNDS = 600_000
/** Each thread's own place for its result: the module keeps up to 24 vectors there. */
const RESULT_BYTES = 1024

/** What this machine can do, as rows to print and as ceilings to hold other rows against. */
export interface Roofline {
  readonly rows: readonly Row[]
  /** Of exactly these instructions, or of the fastest, on one thread or on as many as were measured. */
  ceiling(threads: number, instructions?: Instructions): Ceiling
}

interface Measurement {
  readonly work: string
  readonly threads: number
  readonly float32?: Instructions // of a peak that float32 work can be held against
  readonly cost: Cost
  readonly samples: readonly number[]
}

/** Measures one thread and `threads` threads, in a few seconds; `quick` in about one. */
export async function measureRoofline({
  threads,
  quick = false,
}: {
  threads: number
  quick?: boolean
}): Promise<Roofline> {
  const repeats = quick ? 4 : 20
  const measured: Measurement[] = []
  for (const count of new Set([1, threads])) {
    for (const instructions of instructionSets())
      measured.push(await measurePeak('float32', instructions, count, repeats))
    if (detectFeatures().int8Dot)
      for (const kind of ['dot', 'pairs'] as const)
        for (const paired of pairings())
          measured.push(await measurePeak(kind, { fused: true, paired }, count, repeats))
    measured.push(await measureRead(count, repeats))
  }
  return { rows: measured.map(toRow), ceiling: (count, wanted) => ceiling(measured, count, wanted) }
}

/** With and without 256-bit code, where V8 makes it. */
function pairings(): boolean[] {
  return nodePlatform.pairs() ? [false, true] : [false]
}

function instructionSets(): Instructions[] {
  const { fused } = detectFeatures()
  return pairings().flatMap((paired) => (fused ? [false, true] : [false]).map((fused) => ({ fused, paired })))
}

async function measurePeak(
  kind: 'float32' | 'dot' | 'pairs',
  instructions: Instructions,
  threads: number,
  repeats: number,
): Promise<Measurement> {
  const { fused, paired } = instructions
  const module = nodePlatform.compile(peakModule(kind, { ...instructions, shared: true }), { paired })
  const args = (thread: number) => [ROUNDS, thread * RESULT_BYTES]
  const samples = await runOnThreads({ module, pages: 1, call: 'peak', args, threads, repeats })
  const step = kind !== 'float32' ? `int8 ${kind}` : fused ? 'multiply-add' : 'multiply, add'
  const perRound = kind === 'float32' ? FLOAT32_PER_ROUND : INT8_PER_ROUND
  return {
    work: `roofline: ${step} ${paired ? 256 : 128}-bit`,
    threads,
    float32: kind === 'float32' ? instructions : undefined,
    cost: { flops: ROUNDS * perRound * threads, bytes: 0 },
    samples,
  }
}

async function measureRead(threads: number, repeats: number): Promise<Measurement> {
  const module = nodePlatform.compile(readModule(), { paired: false })
  const each = Math.floor(READ_BYTES / threads / 256) * 256
  const args = (thread: number) => [thread * each, (thread + 1) * each, READ_BYTES + thread * RESULT_BYTES]
  const pages = READ_BYTES / PAGE_BYTES + 1
  const samples = await runOnThreads({ module, pages, call: 'read', args, threads, repeats })
  return { work: 'roofline: read', threads, cost: { flops: 0, bytes: each * threads }, samples }
}

/** Runs the same call on `threads` threads at once. -> milliseconds of each repeat, of its slowest thread */
async function runOnThreads(job: {
  module: WebAssembly.Module
  pages: number
  call: string
  args: (thread: number) => readonly number[]
  threads: number
  repeats: number
}): Promise<number[]> {
  const { module, pages, call, args, threads, repeats } = job
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  // Pages that were never written are all one page of zeros, which lies in the cache.
  new Float32Array(memory.buffer).fill(1)
  const gate = new SharedArrayBuffer(4)
  const times = await Promise.all(
    Array.from({ length: threads }, (_, thread) =>
      runWorker({ module, memory, call, args: args(thread), repeats, threads, gate }),
    ),
  )
  return times[0].map((_, repeat) => Math.max(...times.map((ofThread) => ofThread[repeat])))
}

function runWorker(start: MeasureStart): Promise<number[]> {
  const worker = new Worker(new URL('./roofline-worker.ts', import.meta.url), {
    workerData: start,
    execArgv: [],
  })
  return new Promise((resolve, reject) => {
    worker.on('message', resolve)
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`roofline: a worker ended early with code ${code}`)))
  })
}

function toRow({ work, threads, cost, samples }: Measurement): Row {
  return makeRow({ work, shape: '', backend: 'wasm', mode: 'registers only', threads }, samples, cost)
}

/** The fast end of the samples counts, because whatever else the machine does only makes them slower. */
function best({ cost, samples }: Measurement): Ceiling {
  const ms = Math.min(...samples)
  return { gflops: cost.flops / ms / 1e6, gbs: cost.bytes / ms / 1e6 }
}

function ceiling(measured: readonly Measurement[], threads: number, wanted?: Instructions): Ceiling {
  const here = measured.filter((one) => one.threads === threads)
  if (here.length === 0) throw new Error(`roofline: ${threads} threads were not measured`)
  const peaks = here.filter(
    ({ float32 }) =>
      float32 && (!wanted || (float32.fused === wanted.fused && float32.paired === wanted.paired)),
  )
  if (peaks.length === 0) throw new Error(`roofline: no peak for ${JSON.stringify(wanted)} on this machine`)
  const reads = here.filter(({ cost }) => cost.bytes > 0)
  return {
    gflops: Math.max(...peaks.map((one) => best(one).gflops)),
    gbs: Math.max(...reads.map((one) => best(one).gbs)),
  }
}
