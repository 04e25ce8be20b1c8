import { f32x4, i32, local, v128 } from 'wasmati'
import { copyBytes, forLanes, forUpTo, increment, limitTo, when, whileBelow, zeroBytes } from './emit.ts'
import type { SparseRows } from '../sparse.ts'
import type { Engine } from './engine.ts'
import { func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { KERNELS, type Numbers } from './kernels.ts'
import { Block } from './tensors.ts'
import { SUM_BLOCK } from './tile-sizes.ts'

/** out [rows, width] from sparse rows x [rows, n], a table [n, width] and bias [width], the last three by address; bias 0: added to what is in out. */
export async function runSparseDecode(
  engine: Engine,
  x: SparseRows,
  place: Numbers<'table' | 'width' | 'bias' | 'out'>,
): Promise<void> {
  const [rows] = x.shape
  if (rows === 0 || place.width === 0) return
  const { arena } = engine
  const perChunk = engine.share(rows, 1)
  const chunks = Math.ceil(rows / perChunk)
  const block = (numbers: number) => new Block(arena, numbers * 4, 'sparseDecode: x')
  using offsets = block(rows + 1)
  using indices = block(x.values.length)
  using values = block(x.values.length)
  using blocks = block(chunks * place.width)
  arena.words(offsets.address, rows + 1).set(x.offsets)
  arena.words(indices.address, x.values.length).set(x.indices)
  arena.floats(values.address, x.values.length).set(x.values)
  const sparse = { offsets: offsets.address, indices: indices.address, values: values.address }
  const range = { last: rows, perChunk, blocks: blocks.address }
  await engine.run('sparseDecode', { ...place, ...sparse, ...range }, chunks)
}

/**
 * out[r] = bias + the sum of values[e] * table[indices[e]] over row r's entries e, offsets[r] to offsets[r + 1],
 * for a range of rows; bias 0: out[r] += that sum; table's rows have `width` numbers. The sum is made in blocks of SUM_BLOCK entries, each from
 * zero, in `block`: scratch for one row.
 */
export function sparseDecode({ madd }: Emitter) {
  return func(
    { in: KERNELS.sparseDecode, locals: { i32: 7, v128: 3 } },
    (
      { offsets, indices, values, table, width, bias, out, first: r, last, block },
      { i32: [bytes, target, e, end, blockEnd, entry, c], v128: [value, sum, x] },
    ) => {
      local.set(bytes, i32.mul(width, 4))
      // for each row (e counts the entries in bytes)
      forUpTo(r, last, 1, () => {
        local.set(e, i32.load({}, i32.add(offsets, i32.mul(r, 4))))
        local.set(e, i32.mul(e, 4))
        local.set(end, i32.load({ offset: 4 }, i32.add(offsets, i32.mul(r, 4))))
        local.set(end, i32.mul(end, 4))
        // out = bias
        local.set(target, i32.add(out, i32.mul(r, bytes)))
        when(bias, () => copyBytes(target, bias, bytes))
        // for each block of entries
        whileBelow(e, end, () => {
          local.set(blockEnd, i32.add(e, SUM_BLOCK * 4))
          limitTo(blockEnd, end)
          //   block = 0; for each entry: block += value * table[index]
          zeroBytes(block, bytes)
          forUpTo(e, blockEnd, 4, () => {
            local.set(value, v128.load32_splat({}, i32.add(values, e)))
            local.set(entry, i32.mul(i32.load({}, i32.add(indices, e)), bytes))
            increment(entry, table)
            forLanes(c, bytes, ({ load, store }) => {
              local.set(x, load(i32.add(entry, c)))
              local.set(sum, load(i32.add(block, c)))
              local.set(sum, madd(value, x, sum))
              store(i32.add(block, c), sum)
            })
          })
          //   out += block
          forLanes(c, bytes, ({ load, store }) => {
            local.set(x, load(i32.add(target, c)))
            local.set(sum, load(i32.add(block, c)))
            local.set(sum, f32x4.add(x, sum))
            store(i32.add(target, c), sum)
          })
        })
      })
    },
  )
}
