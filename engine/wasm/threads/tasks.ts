// The tasks of all ops. Workers load this file, but nothing that emits code.
import { workspace } from '../attention-plan.ts'
import { SCREEN_SCRATCH_BYTES } from '../screen/layout.ts'
import { SCREEN_TASKS, type ScreenTaskArgs } from '../screen/tasks.ts'
import { TILE_ROWS } from '../tile-sizes.ts'
import type { Task } from './task.ts'

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

/** The part of 0 to `total` (left out) that is chunk number `chunk`, when each has `size`. */
function part(total: number, size: number, chunk: number): [from: number, to: number] {
  return [chunk * size, Math.min(total, (chunk + 1) * size)]
}

export type LayerNormArgs = readonly [
  x: number,
  out: number,
  weight: number,
  bias: number,
  rows: number,
  width: number,
  eps: number,
  rowsPerChunk: number,
]

const layerNorm: Task = (kernels, args, chunk) => {
  const [x, out, weight, bias, rows, width, eps, rowsPerChunk] = args
  const [from, to] = part(rows, rowsPerChunk, chunk)
  for (let r = from; r < to; r++)
    kernels.layerNorm(x + r * width * 4, out + r * width * 4, weight, bias, width, eps)
}

export type RowArgs = readonly [x: number, out: number, rows: number, width: number, rowsPerChunk: number]

/** An op on one row of x at a time. */
const rowTask =
  (kernel: 'softmax' | 'center'): Task =>
  (kernels, args, chunk) => {
    const [x, out, rows, width, rowsPerChunk] = args
    const [from, to] = part(rows, rowsPerChunk, chunk)
    for (let r = from; r < to; r++) kernels[kernel](x + r * width * 4, out + r * width * 4, width)
  }

export type GeluArgs = readonly [x: number, out: number, count: number, perChunk: number]

const gelu: Task = (kernels, args, chunk) => {
  const [x, out, count, perChunk] = args
  const [from, to] = part(count, perChunk, chunk)
  kernels.gelu(x + from * 4, out + from * 4, (to - from) * 4)
}

export type ElementwiseArgs = readonly [
  a: number,
  b: number,
  out: number,
  rows: number,
  width: number,
  bRowBytes: number, // 0 where b is one row for all
  rowsPerChunk: number,
]

const elementwise =
  (kernel: 'add' | 'subtract'): Task =>
  (kernels, args, chunk) => {
    const [a, b, out, rows, width, bRowBytes, rowsPerChunk] = args
    const [from, to] = part(rows, rowsPerChunk, chunk)
    const bytes = width * 4
    for (let r = from; r < to; r++) kernels[kernel](a + r * bytes, b + r * bRowBytes, out + r * bytes, bytes)
  }

export type MeanRowsArgs = readonly [x: number, out: number, rows: number, width: number]

const meanRows: Task = (kernels, args) => {
  const [x, out, rows, width] = args
  kernels.meanRows(x, out, rows, width)
}

export type AttentionArgs = readonly [
  q: number,
  k: number,
  v: number,
  pattern: number,
  out: number,
  plan: number,
  work: number,
  heads: number,
  dHead: number,
  queries: number,
  longest: number,
  panel: number,
  tiles: number,
  tilesPerChunk: number,
]

/** A chunk is a range of tiles of queries of one head, numbered heads first. */
const attention: Task = (kernels, args, chunk, scratch) => {
  const [q, k, v, pattern, out, plan, work, heads, dHead, queries, longest, panel, tiles, tilesPerChunk] =
    args
  const head = chunk % heads
  const [from, to] = part(tiles, tilesPerChunk, Math.floor(chunk / heads))
  const ofHead = (address: number) => (address === 0 ? 0 : address + head * dHead * 4)
  const patternOfHead = pattern === 0 ? 0 : pattern + head * queries * longest * 4
  const { values, scores, scoreStride, bytes } = workspace(longest, dHead, panel)
  const own = work + chunk * bytes
  const [stride, scale] = [heads * dHead * 4, 1 / Math.sqrt(dHead)]
  kernels.attention(
    ...[ofHead(q), ofHead(k), ofHead(v), patternOfHead, ofHead(out), plan, from, to, stride, dHead, scale],
    ...[longest, own, own + values, own + scores, scoreStride, scratch],
  )
}

export type SparseDecodeArgs = readonly [
  offsets: number,
  indices: number,
  values: number,
  table: number,
  bias: number,
  out: number,
  rows: number,
  width: number,
  rowScratch: number,
  rowsPerChunk: number,
]

const sparseDecode: Task = (kernels, args, chunk) => {
  const [offsets, indices, values, table, bias, out, rows, width, rowScratch, rowsPerChunk] = args
  const [from, to] = part(rows, rowsPerChunk, chunk)
  const block = rowScratch + chunk * width * 4
  kernels.sparseDecode(offsets, indices, values, table, width, bias, out, from, to, block)
}

export const TASKS = {
  linear,
  attention,
  layerNorm,
  softmax: rowTask('softmax'),
  center: rowTask('center'),
  gelu,
  add: elementwise('add'),
  subtract: elementwise('subtract'),
  meanRows,
  sparseDecode,
  ...SCREEN_TASKS,
}
export type TaskName = keyof typeof TASKS

/** What each task is given, in order. */
export interface TaskArgs extends ScreenTaskArgs {
  linear: LinearArgs
  attention: AttentionArgs
  layerNorm: LayerNormArgs
  softmax: RowArgs
  center: RowArgs
  gelu: GeluArgs
  add: ElementwiseArgs
  subtract: ElementwiseArgs
  meanRows: MeanRowsArgs
  sparseDecode: SparseDecodeArgs
}

/** Bytes of scratch memory that a thread needs: the sums of the largest tile, with panels of 16 columns, or the screen's. */
export const SCRATCH_BYTES = Math.max(TILE_ROWS * 16 * 4, SCREEN_SCRATCH_BYTES)
