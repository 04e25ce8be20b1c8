// Weights on their way from a source into the backend's memory.
import { freedOnFailure } from '../scope.ts'
import { sizeOf } from '../tensor.ts'
import { BUFFERS, forEachRowBlock, type WeightSource } from '../weights/weights.ts'
import type { Engine } from './engine.ts'
import type { Numbers } from './kernels.ts'
import { Block, freeBlock } from './tensors.ts'

/** Numbers read at once, 2 MiB of them: fewer would cost waiting time, and loading needs three such pieces besides the weights. */
const READ_AT_ONCE = 1 << 19

/**
 * Reads a source in pieces of whole rows, `multiple` at a time, and has each packed: by all threads, while the next is read.
 * A piece lies at `from`; its `count` rows are those from `first` on.
 */
export async function packRows(
  engine: Engine,
  weight: WeightSource,
  multiple: number,
  pack: (piece: Numbers<'from' | 'first' | 'count'>) => Promise<void>,
): Promise<void> {
  const { arena } = engine
  const width = Math.max(1, weight.shape.at(-1) ?? 1)
  const numbers = Math.max(1, Math.floor(READ_AT_ONCE / (multiple * width))) * multiple * width
  const pieces = Math.min(BUFFERS, Math.ceil(sizeOf(weight.shape) / numbers))
  using memory = new Block(arena, pieces * numbers * 4, `pieces of ${weight.name}`)
  const place = (piece: number) => memory.address + (piece % BUFFERS) * numbers * 4
  let piece = 0
  await forEachRowBlock(
    weight,
    numbers,
    (rows, first, count) => {
      const from = place(piece++)
      if (!arena.isShared) arena.floats(from, rows.length).set(rows)
      return pack({ from, first, count })
    },
    // memory that is not shared is another buffer once it has grown: nothing is read into it
    arena.isShared ? (piece, _, length) => arena.floats(place(piece), length) : undefined,
  )
}

/** Reads a whole weight into a block of its own, which no scope frees. */
export async function loadBlock({ arena }: Engine, weight: WeightSource): Promise<Block> {
  return freedOnFailure(freeBlock, async (keep) => {
    const block = keep(new Block(arena, sizeOf(weight.shape) * 4, weight.name))
    const width = weight.shape.at(-1) ?? 1
    const place = (firstRow: number, length: number) =>
      arena.floats(block.address + firstRow * width * 4, length)
    await forEachRowBlock(
      weight,
      READ_AT_ONCE,
      (rows, firstRow) => {
        if (!arena.isShared) place(firstRow, rows.length).set(rows)
      },
      arena.isShared ? (_, firstRow, length) => place(firstRow, length) : undefined,
    )
    return block
  })
}
