import { stackRows, type SparseRows } from '../sparse.ts'
import type { Shape } from '../tensor.ts'
import type { Engine } from './engine.ts'
import type { EncoderWeights } from './encoder-weights.ts'
import { runPreActivations } from './pre-activations.ts'
import { Block } from './tensors.ts'

/** Numbers that are computed densely before some are kept: 8 MB. */
const ENCODED_AT_ONCE = 2 ** 21

/** What is kept of x W + b for rows of x, by address: all outputs computed, most thrown away. */
export async function encodeDensely(
  engine: Engine,
  layer: EncoderWeights,
  x: number,
  rows: number,
): Promise<SparseRows> {
  const { arena } = engine
  const atOnce = Math.min(rows, Math.max(1, Math.floor(ENCODED_AT_ONCE / Math.max(1, layer.out))))
  const bytes = atOnce * layer.out * 4
  using dense = new Block(arena, 2 * bytes + atOnce * 4, 'sparseEncode: activations')
  const [indices, counts] = [dense.address + bytes, dense.address + 2 * bytes]
  const parts: SparseRows[] = []
  for (let r = 0; r < rows; r += atOnce) {
    const count = Math.min(atOnce, rows - r)
    await runPreActivations(engine, layer, { x: x + r * layer.in * 4, rows: count, out: dense.address })
    const selection = { x: dense.address, outputs: layer.out, floors: layer.floors.address, k: layer.k }
    await engine.runRanged('select', { ...selection, indices, counts }, count, 1)
    const kept = arena.words(counts, count)
    const starts = kept.map((_, row) => row * layer.out)
    parts.push(
      copyLists(engine, [count, layer.out], { starts, counts: kept, indices, values: dense.address }),
    )
  }
  return stackRows(parts, layer.out)
}

interface Lists {
  readonly starts: Uint32Array // [rows], a row's first entry
  readonly counts: Uint32Array // [rows]
  readonly indices: number // address of all entries' indices
  readonly values: number // and values
}

/** Lists of entries that lie in memory, as sparse rows in host memory. */
export function copyLists({ arena }: Engine, shape: Shape, lists: Lists): SparseRows {
  const { starts, counts } = lists
  const offsets = new Uint32Array(counts.length + 1)
  for (let r = 0; r < counts.length; r++) offsets[r + 1] = offsets[r] + counts[r]
  const total = offsets[counts.length]
  const [indices, values] = [new Uint32Array(total), new Float32Array(total)]
  for (let r = 0; r < counts.length; r++) {
    indices.set(arena.words(lists.indices + starts[r] * 4, counts[r]), offsets[r])
    values.set(arena.floats(lists.values + starts[r] * 4, counts[r]), offsets[r])
  }
  return { shape, offsets, indices, values }
}
