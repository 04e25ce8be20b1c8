import { positiveEntries, stackRows, type SparseRows } from '../sparse.ts'
import { Tensor } from '../tensor.ts'
import type { Engine } from './engine.ts'
import { runLinear } from './linear.ts'
import type { PackedLinear } from './panels.ts'
import { Block } from './tensors.ts'

/** Rows that are computed densely before what is positive is kept: 6 MB for 24,576 outputs. */
const ENCODED_AT_ONCE = 64

/** The positive entries of x W + b for rows of x, by address: all outputs computed, most thrown away. */
export async function encodeDensely(
  engine: Engine,
  layer: PackedLinear,
  x: number,
  rows: number,
): Promise<SparseRows> {
  const { arena } = engine
  using dense = new Block(arena, Math.min(rows, ENCODED_AT_ONCE) * layer.out * 4, 'sparseEncode: activations')
  const parts: SparseRows[] = []
  for (let r = 0; r < rows; r += ENCODED_AT_ONCE) {
    const count = Math.min(ENCODED_AT_ONCE, rows - r)
    const place = { x: x + r * layer.in * 4, rows: count, residual: 0, out: dense.address }
    await runLinear(engine, layer, { ...place, activation: 'relu' })
    const numbers = arena.floats(dense.address, count * layer.out)
    parts.push(positiveEntries(new Tensor([count, layer.out], numbers)))
  }
  return stackRows(parts, layer.out)
}
