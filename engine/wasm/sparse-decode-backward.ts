import { f32, f32x4, i32, local } from 'wasmati'
import { addToSum, clearSum, forLanes, forUpTo, increment, totalOf } from './emit.ts'
import { activeColumns, transposeSparse, type SparseRows } from '../sparse.ts'
import type { Engine } from './engine.ts'
import { func } from './function.ts'
import { KERNELS, type Numbers } from './kernels.ts'
import { runSparseDecode } from './sparse-decode.ts'
import { Block } from './tensors.ts'

/** dF[entry] = dY[row] . table[index] for every entry of sparse rows x; dY [rows, width] and table [n, width] by address. */
export async function runSparseDot(
  engine: Engine,
  x: SparseRows,
  place: Numbers<'dY' | 'table' | 'width'>,
): Promise<Float32Array> {
  const { arena } = engine
  const [rows] = x.shape
  const entries = x.values.length
  if (entries === 0) return new Float32Array(0)
  using block = new Block(arena, (rows + 1 + 2 * entries) * 4, 'sparseDecode: entries and their gradients')
  const indices = block.address + (rows + 1) * 4
  const out = indices + entries * 4
  arena.words(block.address, rows + 1).set(x.offsets)
  arena.words(indices, entries).set(x.indices)
  await engine.runRanged('sparseDot', { ...place, offsets: block.address, indices, out }, rows, 1)
  return arena.floats(out, entries).slice()
}

/** out[column] += the sum of value * dense[row] over a column's entries: F^T dense, only rows of active features touched. By address. */
export async function addTransposed(
  engine: Engine,
  x: SparseRows,
  { dense, width, out }: Numbers<'dense' | 'width' | 'out'>,
): Promise<void> {
  await runSparseDecode(engine, transposeSparse(x), { table: dense, width, bias: 0, out })
}

/**
 * The sum of value * dense[row] over the entries of each column of sparse rows x that has any: F^T dense, a row for each
 * active feature. dense [rows, width] by address. `visit` is given each feature and its sum.
 */
export async function forEachActive(
  engine: Engine,
  x: SparseRows,
  { dense, width }: Numbers<'dense' | 'width'>,
  visit: (feature: number, sum: Float32Array) => void,
): Promise<void> {
  const { columns, entries } = activeColumns(x)
  if (columns.length === 0 || width === 0) return
  using zeros = new Block(engine.arena, width * 4, 'sparse gradients: zeros')
  engine.arena.floats(zeros.address, width).fill(0)
  using sums = new Block(
    engine.arena,
    columns.length * width * 4,
    'sparse gradients: sums of active features',
  )
  await runSparseDecode(engine, entries, { table: dense, width, bias: zeros.address, out: sums.address })
  const numbers = engine.arena.floats(sums.address, columns.length * width)
  for (const [i, feature] of columns.entries()) visit(feature, numbers.subarray(i * width, (i + 1) * width))
}

/** out[e] = dY[r] . table[indices[e]] over row r's entries e, for a range of rows; the sums are float64. */
export function sparseDot() {
  return func(
    { in: KERNELS.sparseDot, locals: { i32: 6, v128: 3 } },
    (
      { offsets, indices, dY, table, width, out, first: r, last },
      { i32: [bytes, row, e, end, entry, c], v128: [value, low, high] },
    ) => {
      local.set(bytes, i32.mul(width, 4))
      // for each row; e counts the entries in bytes
      forUpTo(r, last, 1, () => {
        local.set(row, i32.add(dY, i32.mul(r, bytes)))
        local.set(e, i32.load({}, i32.add(offsets, i32.mul(r, 4))))
        local.set(e, i32.mul(e, 4))
        local.set(end, i32.load({ offset: 4 }, i32.add(offsets, i32.mul(r, 4))))
        local.set(end, i32.mul(end, 4))
        forUpTo(e, end, 4, () => {
          local.set(entry, i32.mul(i32.load({}, i32.add(indices, e)), bytes))
          increment(entry, table)
          clearSum({ low, high })
          forLanes(c, bytes, ({ load, clear }) => {
            local.set(value, load(i32.add(row, c)))
            local.set(value, f32x4.mul(value, load(i32.add(entry, c))))
            clear(value)
            addToSum({ low, high }, value)
          })
          f32.store({}, i32.add(out, e), f32.demote_f64(totalOf({ low, high })))
        })
      })
    },
  )
}
