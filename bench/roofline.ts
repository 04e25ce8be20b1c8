// What this machine can do, measured in the same run as the rows that are compared with it.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { detectFeatures } from '../engine/wasm/platform/features.ts'
import { platform as nodePlatform } from '../engine/wasm/platform/platform-node.ts'
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

/** What this machine can do, as rows to print and as ceilings to compare other rows with. */
export interface Roofline {
  readonly rows: readonly Row[]
  /** Of exactly these instructions, or of the fastest, on one thread or on as many as were measured. */
  ceiling(threads: number, instructions?: Instructions): Ceiling
}

/** A loop whose speed is a limit of the machine. */
interface Limit {
  readonly work: string
  readonly float32?: Instructions // of a peak that float32 work can be compared with
  readonly module: WebAssembly.Module
  readonly call: string
  readonly bytes: number // of the memory that all threads share
  readonly args: (thread: number) => readonly number[]
  readonly cost: Cost // a thread's
}

/** Measures one thread and `threads` threads, in a few seconds; `quick` in about one. */
export async function measureRoofline({
  threads,
  quick,
}: {
  threads: number
  quick: boolean
}): Promise<Roofline> {
  const measured: { threads: number; float32?: Instructions; row: Row; best: Ceiling }[] = []
  for (const count of new Set([1, threads]))
    for (const limit of [...limits(), readLimit(count)]) {
      const samples = await runOnThreads(limit, count, quick ? 4 : 20)
      const cost = { flops: limit.cost.flops * count, bytes: limit.cost.bytes * count }
      const name = { work: limit.work, shape: '', backend: 'wasm', mode: 'registers only', threads: count }
      // The fastest times count, because whatever else the machine does only makes them slower.
      const ms = 1e6 * Math.min(...samples)
      const best = { gflops: cost.flops / ms, gbs: cost.bytes / ms }
      measured.push({ threads: count, float32: limit.float32, row: makeRow(name, samples, cost), best })
    }
  const ceiling: Roofline['ceiling'] = (count, wanted) => {
    const here = measured.filter((one) => one.threads === count)
    const peaks = here.filter(
      ({ float32 }) =>
        float32 && (!wanted || (float32.fused === wanted.fused && float32.paired === wanted.paired)),
    )
    if (peaks.length === 0)
      throw new Error(`roofline: no peak for ${JSON.stringify(wanted)} on ${count} threads of this machine`)
    return {
      gflops: Math.max(...peaks.map(({ best }) => best.gflops)),
      gbs: Math.max(...here.map(({ best }) => best.gbs)),
    }
  }
  return { rows: measured.map(({ row }) => row), ceiling }
}

/** Peaks of arithmetic: in 128 bits, and in 256 where V8 makes such code. */
function limits(): Limit[] {
  const { fused: canFuse, int8Dot } = detectFeatures()
  const pairings = nodePlatform.pairs() ? [false, true] : [false]
  const float32 = pairings.flatMap((paired) =>
    (canFuse ? [false, true] : [false]).map((fused) =>
      peakLimit(fused ? 'multiply-add' : 'multiply, add', 'float32', { fused, paired }),
    ),
  )
  if (!int8Dot) return float32
  const int8 = (['dot', 'pairs'] as const).flatMap((kind) =>
    pairings.map((paired) => peakLimit(`int8 ${kind}`, kind, { fused: true, paired })),
  )
  return [...float32, ...int8]
}

function peakLimit(step: string, kind: 'float32' | 'dot' | 'pairs', instructions: Instructions): Limit {
  const { paired } = instructions
  const isFloat = kind === 'float32'
  return {
    work: `roofline: ${step} ${paired ? 256 : 128}-bit`,
    float32: isFloat ? instructions : undefined,
    module: nodePlatform.compile(peakModule(kind, { ...instructions, shared: true }), { paired }),
    call: 'peak',
    bytes: PAGE_BYTES,
    args: (thread) => [ROUNDS, thread * RESULT_BYTES],
    cost: { flops: ROUNDS * (isFloat ? FLOAT32_PER_ROUND : INT8_PER_ROUND), bytes: 0 },
  }
}

function readLimit(threads: number): Limit {
  const each = Math.floor(READ_BYTES / threads / 256) * 256
  return {
    work: 'roofline: read',
    module: nodePlatform.compile(readModule(), { paired: false }),
    call: 'read',
    bytes: READ_BYTES + PAGE_BYTES,
    args: (thread) => [thread * each, (thread + 1) * each, READ_BYTES + thread * RESULT_BYTES],
    cost: { flops: 0, bytes: each },
  }
}

/** Runs it on `threads` threads at once. -> for each repeat, the milliseconds of its slowest thread */
async function runOnThreads({ module, call, bytes, args }: Limit, threads: number, repeats: number) {
  const pages = bytes / PAGE_BYTES
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  // Pages that were never written all share one page of zeros, which is in the cache.
  new Float32Array(memory.buffer).fill(1)
  const gate = new SharedArrayBuffer(4)
  const times = await Promise.all(
    Array.from({ length: threads }, async (_, thread) => {
      const start: MeasureStart = { module, memory, call, args: args(thread), repeats, threads, gate }
      const script = new URL('./roofline-worker.ts', import.meta.url)
      const [samples] = (await once(new Worker(script, { workerData: start, execArgv: [] }), 'message')) as [
        number[],
      ]
      return samples
    }),
  )
  return times[0].map((_, repeat) => Math.max(...times.map((ofThread) => ofThread[repeat])))
}
