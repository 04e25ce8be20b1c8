import type { SparseRows } from '../sparse.ts'
import type { Engine } from './engine.ts'
import { readColumn, type PackedLinear } from './panels.ts'
import { runSparseDecode } from './sparse-decode.ts'
import { transposeSparse } from '../sparse.ts'
import { Block } from './tensors.ts'

/** out[row] = the sum of dF W[:, index] over the row's entries, by address: W's columns that are used are read as rows. */
export async function encodeBackward(
  engine: Engine,
  dF: SparseRows,
  layer: PackedLinear,
  out: number,
): Promise<void> {
  const { arena } = engine
  const { columns } = transposeSparse(dF)
  using table = new Block(
    arena,
    (columns.length + 1) * layer.in * 4,
    'sparseEncode: columns of active features',
  )
  const rows = arena.floats(table.address, (columns.length + 1) * layer.in)
  const place = new Map<number, number>()
  for (const [i, column] of columns.entries()) {
    place.set(column, i)
    readColumn(engine, layer, column, rows.subarray(i * layer.in, (i + 1) * layer.in))
  }
  rows.fill(0, columns.length * layer.in) // the last row is the sum's beginning
  const indices = dF.indices.map((column) => place.get(column)!)
  const shape = [dF.shape[0], columns.length]
  const bias = table.address + columns.length * layer.in * 4
  await runSparseDecode(
    engine,
    { ...dF, shape, indices },
    { table: table.address, width: layer.in, bias, out },
  )
}
