// What results files hold: a row for each measured piece of work, and what some benchmarks report besides.
import { quantile } from '../experiments/lab/analysis/statistics.ts'
import type { Machine } from './machine.ts'

/** One measured piece of work. The rows of every benchmark have these keys. */
export interface Row {
  readonly work: string
  readonly shape: string // such as 64x768x3072
  readonly backend: string
  readonly mode: string // what really ran
  readonly threads: number
  readonly median_ms: number
  readonly p10_ms: number
  readonly p90_ms: number
  readonly gflops: number | null // null: the work does no arithmetic worth counting
  readonly gbs: number | null
  readonly roofline: number | null // share of what the machine could do, 1 = all
}

export type RowName = Pick<Row, 'work' | 'shape' | 'backend' | 'mode' | 'threads'>

/** What a benchmark prints with --json and keeps in bench/results/. */
export interface Results {
  readonly machine: Machine
  readonly rows: readonly Row[]
  readonly memory?: readonly MemoryUse[] // of `memory` and `experiment`
  readonly screening?: readonly ScreenUse[] // of `sae`
  readonly gpu?: readonly GpuUse[] // of `gpujs`
  readonly notRun?: readonly NotRun[]
}

/** What a piece of work asks of WebGPU. */
export interface GpuUse extends Pick<Row, 'work' | 'shape' | 'backend'> {
  readonly submissions: number // queue.submit: gpu.js makes one for each kernel, and one for each read-back
  readonly read_backs: number // buffer.mapAsync: the program waits for the GPU
}

/** What could not run here, and why. */
export interface NotRun {
  readonly backend: string
  readonly reason: string
}

/** Peak resident memory of a process that loaded a model and ran it. */
export interface MemoryUse {
  readonly model: string
  readonly backend: string
  readonly mode: string
  readonly tensor_mb: number // float32 bytes of the tensors in use
  readonly start_mb: number // the process before it loads anything
  readonly load_mb: number // peak until everything is loaded
  readonly run_mb: number // peak until the end
  readonly target_mb: number
  readonly of_target: number
}

/** Where a screened encoder's time goes (engine/screen-counts.ts). */
export const screenParts = [
  'Rows',
  'Guessing',
  'Products',
  'Test',
  'Candidates',
  'Collecting',
  'Dense',
] as const
export type ScreenPart = (typeof screenParts)[number]

/** How exact screening fared with an SAE: features per token, and shares from 0 to 1. */
export interface ScreenUse {
  readonly work: string
  readonly shape: string
  readonly active: number
  readonly candidates: number | null // features that int8 numbers cannot rule out, and that are computed; null: no token was screened
  readonly dense_tokens: number // share of tokens that were computed densely
  readonly parts: Readonly<Record<ScreenPart, number>> // shares of the time
  readonly over_dense: number // how many times as fast as the dense encoder
  readonly over_peer: number | null // and as onnxruntime-node's product alone
}

/** The least that a piece of work must do: floating-point operations, and bytes moved to or from memory. */
export interface Cost {
  readonly flops: number
  readonly bytes: number
}

export const noCost: Cost = { flops: 0, bytes: 0 }

/** What the machine can do: GFLOP/s and GB/s. */
export interface Ceiling {
  readonly gflops: number
  readonly gbs: number
}

/** A row from samples in milliseconds. Without a ceiling it has no share of the roofline. */
export function makeRow(name: RowName, samples: readonly number[], cost: Cost, ceiling?: Ceiling): Row {
  const { work, shape, backend, mode, threads } = name
  const rising = samples.toSorted((a, b) => a - b)
  const median = quantile(rising, 0.5)
  return {
    work,
    shape,
    backend,
    mode,
    threads,
    median_ms: rounded(median),
    p10_ms: rounded(quantile(rising, 0.1)),
    p90_ms: rounded(quantile(rising, 0.9)),
    gflops: cost.flops > 0 ? rounded(cost.flops / median / 1e6) : null,
    gbs: cost.bytes > 0 ? rounded(cost.bytes / median / 1e6) : null,
    roofline: ceiling ? rounded(leastMs(cost, ceiling) / median) : null,
  }
}

/** The time below which the work cannot be done: its arithmetic at the peak or its bytes at full bandwidth, whichever is longer. */
function leastMs({ flops, bytes }: Cost, ceiling: Ceiling): number {
  return Math.max(flops / ceiling.gflops, bytes / ceiling.gbs) / 1e6
}

function rounded(value: number): number {
  return Number(value.toPrecision(5))
}

/** How many threads a backend reports. */
export function threadsOf({ mode }: { readonly mode: string }): number {
  return Number(/(\d+) threads?\b/.exec(mode)?.[1] ?? 1)
}
