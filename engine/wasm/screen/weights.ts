import type { Engine } from '../engine.ts'
import type { PackedLinear } from '../panels.ts'
import { normSlack } from './bound.ts'
import { COLUMN_BYTES, GROUP, STEP } from './layout.ts'
import { Block } from '../tensors.ts'

/** Groups that a thread takes at a time, at least; there are at most MAX_CHUNKS such chunks. */
const GROUPS_PER_CHUNK = 48
const MAX_CHUNKS = 1024

/** A linear layer's columns as the screen reads them, beside the float32 panels: a quarter of their size. */
export interface ScreenedWeights {
  /** `in` rounded up to whole steps. */
  readonly inputs: number
  readonly groups: number
  /** The same on any number of threads, because rows are left out by what a chunk finds. */
  readonly groupsPerChunk: number
  readonly chunks: number
  readonly digits: Block // [groups][inputs / 4][GROUP][4], 8-bit
  readonly columns: Block // [groups] of COLUMN_BYTES
  /** When they are filled. */
  readonly ready: Promise<void>
}

/**
 * Makes every column 8-bit numbers and what bounds their error; see screen-bound.ts. The last group's columns that are not
 * there are zero, as the panels are: never positive.
 */
export function screenWeights(engine: Engine, layer: PackedLinear): ScreenedWeights {
  const { arena } = engine
  const inputs = Math.ceil(layer.in / STEP) * STEP
  const groups = Math.ceil(layer.out / GROUP)
  const groupsPerChunk = Math.max(GROUPS_PER_CHUNK, Math.ceil(groups / MAX_CHUNKS))
  const what = `8-bit columns of a layer [${layer.in}, ${layer.out}]`
  const weights = {
    inputs,
    groups,
    groupsPerChunk,
    chunks: Math.ceil(groups / groupsPerChunk),
    digits: new Block(arena, groups * GROUP * inputs, what),
    columns: new Block(arena, groups * COLUMN_BYTES, what),
  }
  const ready = engine.run(
    'screenColumns',
    [
      ...([layer.weights.address, layer.in, engine.panel, layer.bias.address] as const),
      ...([weights.digits.address, inputs, weights.columns.address, normSlack(layer.in)] as const),
      ...([groups, groupsPerChunk] as const),
    ],
    weights.chunks,
  )
  return { ...weights, ready }
}
