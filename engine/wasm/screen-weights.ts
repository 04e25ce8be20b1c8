import type { Engine } from './engine.ts'
import type { PackedLinear } from './panels.ts'
import { roundingError } from './screen-bound.ts'
import { COLUMN, COLUMN_BYTES, GROUP } from './screen-plan.ts'
import { Block } from './tensors.ts'

/** A linear layer's columns as the screen reads them, beside the float32 panels: a quarter of their size. */
export interface ScreenedWeights {
  /** `in` rounded up to a multiple of 4: digits go four at a time. */
  readonly inputs: number
  readonly groups: number
  readonly digits: Block // [groups][inputs / 4][GROUP][4], 8-bit
  readonly columns: Block // [groups] of COLUMN_BYTES
  /** When they are filled. */
  readonly ready: Promise<void>
}

/** Makes every column 8-bit numbers and what bounds their error; see screen-bound.ts. */
export function screenWeights(engine: Engine, layer: PackedLinear): ScreenedWeights {
  const { arena } = engine
  const inputs = Math.ceil(layer.in / 4) * 4
  const groups = Math.ceil(layer.out / GROUP)
  const what = `8-bit columns of a layer [${layer.in}, ${layer.out}]`
  const digits = new Block(arena, groups * GROUP * inputs, what)
  const columns = new Block(arena, groups * COLUMN_BYTES, what)
  const weights = { inputs, groups, digits, columns }
  return { ...weights, ready: fill(engine, layer, weights) }
}

async function fill(
  engine: Engine,
  layer: PackedLinear,
  { inputs, groups, digits, columns }: Omit<ScreenedWeights, 'ready'>,
): Promise<void> {
  // float32 sums of `in` squares, their root and three products: each term's share of what those may lack
  const slack = 1 + (layer.in + 16) * 2 ** -23
  const biasShare = roundingError(layer.in) + 2 ** -21
  const groupsPerChunk = engine.share(groups, 8)
  await engine.run(
    'screenColumns',
    [
      ...([layer.weights.address, layer.in, engine.panel, layer.bias.address] as const),
      ...([digits.address, inputs, columns.address, biasShare, slack] as const),
      ...([groups, groupsPerChunk] as const),
    ],
    Math.ceil(groups / groupsPerChunk),
  )
  // the last group's columns that are not there are never positive
  const padding = groups * GROUP - layer.out
  const lastBiases = columns.address + (groups - 1) * COLUMN_BYTES + COLUMN.bias
  engine.arena.floats(lastBiases, GROUP).fill(-Infinity, GROUP - padding)
}
