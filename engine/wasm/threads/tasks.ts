// The tasks of all ops, and the numbers each is given. Workers load this file, but nothing that emits code.
import { workspace } from '../attention-plan.ts'
import type { Kernels } from '../instance.ts'
import type { Numbers } from '../kernels.ts'
import { SCREEN_SCRATCH_BYTES } from '../screen/layout.ts'
import { SCREEN_TASKS } from '../screen/tasks.ts'
import { EXPONENTIALS, MOST_KEPT, TILE_ROWS } from '../tile-sizes.ts'
import { shareOf } from './product-shares.ts'
import { partOf, ranged, task, type Task } from './task.ts'

/** A share is computed `rowsAtOnce` rows at a time. */
const linear = task(
  'x rows inputs weights bias residual out outputs activation panel panelsPerChunk rowsPerChunk rowsAtOnce',
  (args, { kernels, chunk, scratch }) => {
    const { x, inputs, weights, bias, residual, out, outputs, activation, rowsAtOnce } = args
    const { firstRow, lastRow, firstPanel, lastPanel } = shareOf(args, chunk)
    for (let r = firstRow; r < lastRow; r += rowsAtOnce)
      kernels.linear({
        x: x + r * inputs * 4,
        rows: Math.min(rowsAtOnce, lastRow - r),
        inputs,
        weights,
        bias,
        residual: residual === 0 ? 0 : residual + r * outputs * 4,
        out: out + r * outputs * 4,
        outputs,
        activation,
        firstPanel,
        lastPanel,
        sums: scratch,
      })
  },
)

/** A chunk is a range of tiles of queries of one head, numbered heads first; each has a workspace of its own in `work`. */
const attention = task(
  'q k v pattern out plan work scale heads dHead queries longest panel tiles tilesPerChunk',
  (args, { kernels, chunk, scratch }) => {
    const { pattern, plan, work, scale, heads, dHead, queries, longest, panel, tiles, tilesPerChunk } = args
    const head = chunk % heads
    const part = partOf({ last: tiles, perChunk: tilesPerChunk }, Math.floor(chunk / heads))
    const ofHead = (address: number) => (address === 0 ? 0 : address + head * dHead * 4)
    const { values, scores, scoreStride, bytes } = workspace(longest, dHead, panel)
    const own = work + chunk * bytes
    kernels.attention({
      q: ofHead(args.q),
      k: ofHead(args.k),
      v: ofHead(args.v),
      pattern: pattern === 0 ? 0 : pattern + head * queries * longest * 4,
      out: ofHead(args.out),
      plan,
      firstTile: part.first,
      lastTile: part.last,
      stride: heads * dHead * 4,
      dHead,
      scale,
      longest,
      packedKeys: own,
      packedValues: own + values,
      scores: own + scores,
      scoreStride,
      sums: scratch,
    })
  },
)

/** Rows of a transposed matrix that share each cache line of what they are read from. */
const TURNED_AT_ONCE = 16

/** out [width, rows] = x [rows, width] turned; `stride`: bytes from a row of out to the next; a chunk is a range of sixteens of these rows. */
const transpose = task('x rows width out stride first last perChunk', (args, { kernels, chunk }) => {
  const { x, rows, width, out, stride } = args
  const { first, last } = partOf(args, chunk)
  for (let r = first * TURNED_AT_ONCE; r < Math.min(width, last * TURNED_AT_ONCE); r += TURNED_AT_ONCE) {
    const strides = { rowStride: 4, columnStride: width * 4, toStride: stride }
    const count = Math.min(TURNED_AT_ONCE, width - r)
    kernels.copyStrided({ ...strides, from: x + r * 4, to: out + r * stride, rows: count, columns: rows })
  }
})

/** Rows of B [inner, outputs], its numbers at these strides, into panels as the linear kernel reads them; a chunk is a range of panels. */
const packPanels = task(
  'from rowStride columnStride to inner rows outputs panel first last perChunk',
  (args, { kernels, chunk }) => {
    const { first, last } = partOf(args, chunk)
    for (let p = first; p < last; p++) packPanel(kernels, args, p)
  },
)

function packPanel(
  kernels: Kernels,
  at: Numbers<'from' | 'rowStride' | 'columnStride' | 'to' | 'inner' | 'rows' | 'outputs' | 'panel'>,
  p: number,
): void {
  const { rowStride, columnStride, inner, rows, outputs, panel } = at
  kernels.copyStrided({
    from: at.from + p * panel * columnStride,
    rowStride,
    columnStride,
    to: at.to + p * inner * panel * 4,
    toStride: panel * 4,
    rows,
    columns: Math.min(panel, outputs - p * panel),
  })
}

/**
 * The panels of W [inputs, outputs] into those of W^T [outputs, inputs], block by block of panel x panel numbers; a chunk is
 * a range of the new panels.
 */
const turnPanels = task(
  'weights inputs outputs out panel first last perChunk',
  (args, { kernels, chunk }) => {
    const { weights, inputs, outputs, out, panel } = args
    const { first, last } = partOf(args, chunk)
    for (let p = first; p < last; p++)
      for (let n = 0; n < outputs; n += panel)
        kernels.copyStrided({
          from: weights + (n * inputs + p * panel * panel) * 4,
          rowStride: 4,
          columnStride: panel * 4,
          to: out + (p * outputs + n) * panel * 4,
          toStride: panel * 4,
          rows: Math.min(panel, outputs - n),
          columns: Math.min(panel, inputs - p * panel),
        })
  },
)

/**
 * C = A B for each head: A [m, k], B [k, n] and C [m, n] have their numbers at strides from row to row (`...Row`), from column to
 * column (`...Column`) and from head to head (`...Head`). A chunk is a head, and has `workBytes` of `work` for copies of
 * all three. `zeros`: n zeros.
 */
const headProducts = task(
  'a aRow aColumn aHead b bRow bColumn bHead c cRow cHead m k n panel zeros work workBytes',
  (args, { kernels, chunk: head, scratch }) => {
    const { m, k, n, panel, zeros, workBytes } = args
    const x = args.work + head * workBytes
    const panels = Math.ceil(n / panel)
    const [weights, out] = [x + m * k * 4, x + (m * k + panels * panel * k) * 4]
    const { aRow: rowStride, aColumn: columnStride, aHead, bHead, cHead } = args
    const from = args.a + head * aHead
    kernels.copyStrided({ from, rowStride, columnStride, to: x, toStride: k * 4, rows: m, columns: k })
    const b = { from: args.b + head * bHead, rowStride: args.bRow, columnStride: args.bColumn, to: weights }
    for (let p = 0; p < panels; p++) packPanel(kernels, { ...b, inner: k, rows: k, outputs: n, panel }, p)
    const product = {
      x,
      rows: m,
      inputs: k,
      weights,
      bias: zeros,
      residual: 0,
      out,
      outputs: n,
      activation: 0,
    }
    kernels.linear({ ...product, firstPanel: 0, lastPanel: panels, sums: scratch })
    const to = args.c + head * cHead
    kernels.copyStrided({
      from: out,
      rowStride: n * 4,
      columnStride: 4,
      to,
      toStride: args.cRow,
      rows: m,
      columns: n,
    })
  },
)

/**
 * Pieces of a parameter by AdamW: each is up to `columns` of `total` wide, and `rows` high. w, and its gradient g with m and v, lie
 * `...Row` bytes apart from row to row, and `...Piece` from piece to piece. A chunk is a range of pieces.
 */
const adamW = task(
  'w wRow wPiece g m v gRow gPiece rows columns total scale beta1 rest1 beta2 rest2 rate eps correction keep first last perChunk',
  (args, { kernels, chunk }) => {
    const { first, last } = partOf(args, chunk)
    for (let piece = first; piece < last; piece++)
      kernels.adamW({
        ...args,
        w: args.w + piece * args.wPiece,
        g: args.g + piece * args.gPiece,
        m: args.m + piece * args.gPiece,
        v: args.v + piece * args.gPiece,
        columns: Math.min(args.columns, args.total - piece * args.columns),
      })
  },
)

const meanRows = task('x out rows width', (args, { kernels }) => kernels.meanRows(args))

/** A chunk is a range of features. */
const preActivations = task(
  'x rows padded weights bias out outputs last perChunk',
  (args, { kernels, chunk, scratch }) =>
    kernels.preActivations({ ...args, ...partOf(args, chunk), sums: scratch }),
)

/** Each chunk has a row of scratch in `blocks`. */
const sparseDecode = task(
  'offsets indices values table width bias out last perChunk blocks',
  (args, { kernels, chunk }) =>
    kernels.sparseDecode({ ...args, ...partOf(args, chunk), block: args.blocks + chunk * args.width * 4 }),
)

export const TASKS = {
  linear,
  attention,
  scoresOfOne: ranged('scoresOfOne'),
  mixOfOne: ranged('mixOfOne'),
  layerNorm: ranged('layerNorm'),
  softmax: ranged('softmax'),
  crossEntropy: ranged('crossEntropy'),
  klDivergence: ranged('klDivergence'),
  largest: ranged('largest'),
  center: ranged('center'),
  gelu: ranged('gelu'),
  geluErf: ranged('geluErf'),
  relu: ranged('relu'),
  add: ranged('add'),
  subtract: ranged('subtract'),
  meanRows,
  transpose,
  packPanels,
  turnPanels,
  headProducts,
  crossEntropyBackward: ranged('crossEntropyBackward'),
  geluBackward: ranged('geluBackward'),
  reluBackward: ranged('reluBackward'),
  layerNormBackward: ranged('layerNormBackward'),
  softmaxBackward: ranged('softmaxBackward'),
  squares: ranged('squares'),
  scaleRows: ranged('scaleRows'),
  addScaledRows: ranged('addScaledRows'),
  adamW,
  sparseDot: ranged('sparseDot'),
  select: ranged('select'),
  selectListed: ranged('selectListed'),
  preActivations,
  sparseDecode,
  ...SCREEN_TASKS,
} satisfies Readonly<Record<string, Task>>
export type TaskName = keyof typeof TASKS
export type TaskArgs<T extends TaskName> = Numbers<(typeof TASKS)[T]['names'][number]>
export type RangedTask = { [T in TaskName]: 'first' extends keyof TaskArgs<T> ? T : never }[TaskName]

/** Bytes of scratch memory that a thread needs: the sums of the largest tile, with panels of 16 columns, a block of exponentials, the largest numbers of a row, or the screen's. */
export const SCRATCH_BYTES = Math.max(
  TILE_ROWS * 16 * 4,
  EXPONENTIALS * 4,
  4 + MOST_KEPT * 4,
  SCREEN_SCRATCH_BYTES,
)
