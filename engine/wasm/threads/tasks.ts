// The tasks of all ops, and what each is told. Workers load this file, but nothing that emits code.
import { workspace } from '../attention-plan.ts'
import type { Numbers } from '../kernels.ts'
import { SCREEN_SCRATCH_BYTES } from '../screen/layout.ts'
import { SCREEN_TASKS } from '../screen/tasks.ts'
import { TILE_ROWS } from '../tile-sizes.ts'
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
  'q k v pattern out plan work heads dHead queries longest panel tiles tilesPerChunk',
  (args, { kernels, chunk, scratch }) => {
    const { pattern, plan, work, heads, dHead, queries, longest, panel, tiles, tilesPerChunk } = args
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
      scale: 1 / Math.sqrt(dHead),
      longest,
      packedKeys: own,
      packedValues: own + values,
      scores: own + scores,
      scoreStride,
      sums: scratch,
    })
  },
)

const meanRows = task('x out rows width', (args, { kernels }) => kernels.meanRows(args))

/** Each chunk has a row of scratch in `blocks`. */
const sparseDecode = task(
  'offsets indices values table width bias out last perChunk blocks',
  (args, { kernels, chunk }) =>
    kernels.sparseDecode({ ...args, ...partOf(args, chunk), block: args.blocks + chunk * args.width * 4 }),
)

export const TASKS = {
  linear,
  attention,
  layerNorm: ranged('layerNorm'),
  softmax: ranged('softmax'),
  center: ranged('center'),
  gelu: ranged('gelu'),
  add: ranged('add'),
  subtract: ranged('subtract'),
  meanRows,
  select: ranged('select'),
  sparseDecode,
  ...SCREEN_TASKS,
} satisfies Readonly<Record<string, Task>>
export type TaskName = keyof typeof TASKS
export type TaskArgs<T extends TaskName> = Numbers<(typeof TASKS)[T]['names'][number]>
export type RangedTask = { [T in TaskName]: 'first' extends keyof TaskArgs<T> ? T : never }[TaskName]

/** Bytes of scratch memory that a thread needs: the sums of the largest tile, with panels of 16 columns, or the screen's. */
export const SCRATCH_BYTES = Math.max(TILE_ROWS * 16 * 4, SCREEN_SCRATCH_BYTES)
