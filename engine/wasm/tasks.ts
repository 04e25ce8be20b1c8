import type { Kernels } from './instance.ts'

/**
 * How the work of an op is cut into chunks that any thread can take: a task is given the op's numbers, as the op's
 * host function wrote them, and the number of a chunk. Which thread computes a chunk never changes a bit of it.
 * Workers load this file, but nothing that emits code.
 */
export type Task = (kernels: Kernels, args: Float64Array, chunk: number, scratch: number) => void

export type LinearArgs = readonly [
  x: number,
  rows: number,
  inputs: number,
  weights: number,
  bias: number,
  residual: number,
  out: number,
  outputs: number,
  activation: number,
  panel: number,
  panelsPerChunk: number,
  rowsPerChunk: number,
  rowsAtOnce: number,
]

/** A chunk is a range of rows by a range of panels, numbered panels first; `rowsAtOnce` rows of x stay in the cache. */
const linear: Task = (kernels, args, chunk, scratch) => {
  const [x, rows, K, weights, bias, residual, out, N, activation, panel, ...cut] = args
  const [panelsPerChunk, rowsPerChunk, rowsAtOnce] = cut
  const panels = Math.ceil(N / panel)
  const across = Math.ceil(panels / panelsPerChunk)
  const firstPanel = (chunk % across) * panelsPerChunk
  const lastPanel = Math.min(firstPanel + panelsPerChunk, panels)
  const firstRow = Math.floor(chunk / across) * rowsPerChunk
  const lastRow = Math.min(firstRow + rowsPerChunk, rows)
  for (let r = firstRow; r < lastRow; r += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, lastRow - r)
    const [xRow, outRow] = [x + r * K * 4, out + r * N * 4]
    const residualRow = residual === 0 ? 0 : residual + r * N * 4
    kernels.linear(
      xRow,
      count,
      K,
      weights,
      bias,
      residualRow,
      outRow,
      N,
      activation,
      firstPanel,
      lastPanel,
      scratch,
    )
  }
}

export const TASKS = { linear }
export type TaskName = keyof typeof TASKS

/** What each task is given, in order. */
export interface TaskArgs {
  linear: LinearArgs
}

/** Bytes of scratch memory that a thread's tasks need: the sums of the largest tile, 6 rows of 16 columns. */
export const SCRATCH_BYTES = 6 * 16 * 4
