// A linear layer's columns, quantised once.
import type { Engine } from '../engine.ts'
import type { PackedLinear } from '../panels.ts'
import { normSlack } from './bound.ts'
import { COLUMN_BYTES, GROUP, STEP } from './layout.ts'
import { Block } from '../tensors.ts'

/** Groups that a thread takes at a time, at least; there are at most MAX_CHUNKS such chunks. */
const GROUPS_PER_CHUNK = 48
const MAX_CHUNKS = 1024

/** A linear layer's columns as the screen reads them, beside the float32 panels: a quarter of their size. */
export interface QuantizedWeights {
  /** `in` rounded up to whole steps. */
  readonly padded: number
  readonly groups: number
  /** The same on any number of threads, because rows are left out by what a chunk finds. */
  readonly groupsPerChunk: number
  readonly chunks: number
  readonly int8: Block // [groups][padded / 4][GROUP][4]
  readonly columns: Block // [groups] of COLUMN_BYTES
  /** When they are filled. */
  readonly ready: Promise<void>
}

/**
 * Makes every column int8 numbers and what bounds their error; see bound.ts. The last group's columns that are not
 * there are zero, as the panels are: never positive.
 */
export function quantizeWeights(engine: Engine, layer: PackedLinear): QuantizedWeights {
  const { arena } = engine
  const padded = Math.ceil(layer.in / STEP) * STEP
  const groups = Math.ceil(layer.out / GROUP)
  const groupsPerChunk = Math.max(GROUPS_PER_CHUNK, Math.ceil(groups / MAX_CHUNKS))
  const what = `8-bit columns of a layer [${layer.in}, ${layer.out}]`
  const weights = {
    padded,
    groups,
    groupsPerChunk,
    chunks: Math.ceil(groups / groupsPerChunk),
    int8: new Block(arena, groups * GROUP * padded, what),
    columns: new Block(arena, groups * COLUMN_BYTES, what),
  }
  const from = { weights: layer.weights.address, inputs: layer.in, bias: layer.bias.address }
  const to = { int8: weights.int8.address, padded, columns: weights.columns.address }
  const range = { first: 0, last: groups, perChunk: groupsPerChunk }
  const slack = normSlack(layer.in)
  const ready = engine.run('quantizeColumns', { ...from, ...to, slack, ...range }, weights.chunks)
  return { ...weights, ready }
}
