import { stackRows, type SparseRows } from '../sparse.ts'
import type { Engine } from './engine.ts'
import { runLinear } from './linear.ts'
import type { PackedLinear } from './panels.ts'
import type { PackedEncoder } from './prepared.ts'
import { Block } from './tensors.ts'

/** Numbers that are computed densely before some are kept: 8 MB. */
const ENCODED_AT_ONCE = 2 ** 21

/** What is kept of x W + b for rows of x, by address: all outputs computed, most thrown away. */
export async function encodeDensely(
  engine: Engine,
  layer: PackedLinear,
  x: number,
  rows: number,
  { threshold, k = 0 }: Pick<PackedEncoder, 'threshold' | 'k'> = {},
): Promise<SparseRows> {
  const { arena } = engine
  const atOnce = Math.min(rows, Math.max(1, Math.floor(ENCODED_AT_ONCE / Math.max(1, layer.out))))
  const bytes = atOnce * layer.out * 4
  using dense = new Block(arena, 2 * bytes + atOnce * 4, 'sparseEncode: activations')
  const [indices, counts] = [dense.address + bytes, dense.address + 2 * bytes]
  const parts: SparseRows[] = []
  for (let r = 0; r < rows; r += atOnce) {
    const count = Math.min(atOnce, rows - r)
    const place = { x: x + r * layer.in * 4, rows: count, residual: 0, out: dense.address }
    await runLinear(engine, layer, { ...place, activation: 'none' })
    const selection = { x: dense.address, outputs: layer.out, threshold: threshold?.address ?? 0, k }
    await engine.runRanged('select', { ...selection, indices, counts }, count, 1)
    parts.push(keptEntries(engine, layer.out, { values: dense.address, indices, counts, rows: count }))
  }
  return stackRows(parts, layer.out)
}

/** The lists that the select kernel has made, as sparse rows in host memory. */
function keptEntries(
  { arena }: Engine,
  width: number,
  at: { values: number; indices: number; counts: number; rows: number },
): SparseRows {
  const offsets = new Uint32Array(at.rows + 1)
  const counts = arena.words(at.counts, at.rows)
  for (let r = 0; r < at.rows; r++) offsets[r + 1] = offsets[r] + counts[r]
  const [indices, values] = [new Uint32Array(offsets[at.rows]), new Float32Array(offsets[at.rows])]
  for (let r = 0; r < at.rows; r++) {
    indices.set(arena.words(at.indices + r * width * 4, counts[r]), offsets[r])
    values.set(arena.floats(at.values + r * width * 4, counts[r]), offsets[r])
  }
  return { shape: [at.rows, width], offsets, indices, values }
}
