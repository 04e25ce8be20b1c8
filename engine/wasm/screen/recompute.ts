import { call, f32x4, func, i32, local, v128 } from 'wasmati'
import {
  doWhile,
  forUpTo,
  increment,
  limitTo,
  splat,
  when,
  whileBelow,
  type I32,
  type V128,
} from '../emit.ts'
import type { Emitter } from '../kernel.ts'
import { addCount, fillList, setTally } from './row-list.ts'
import { HALVES, notAtMostZero } from './bound-test.ts'
import { ENTRY_BYTES, ENTRY_ROW_BITS, GROUP, GROUP_BYTES, SCRATCH, TALLY } from './layout.ts'
import { SUM_BLOCK } from '../tile-sizes.ts'

const VECTORS = GROUP / 4

/** Rows of a tile: the larger fills 15 registers of 128 bits; fewer than the smaller would not be faster. */
const [SMALL, LARGE] = [4, 6]

const locals = <T>(count: number, type: T): T[] => Array.from({ length: count }, () => type)

/**
 * sums[rows][GROUP] = x[rows][K] times GROUP columns of float32 weights, one k every `stride` bytes: the additions of
 * tile.ts in tile.ts' order, so the same bits, but for rows from a list and for half a wide panel.
 */
function gatheredTile(emitter: Emitter, rows: number) {
  return func(
    {
      in: [i32, i32, i32, i32], // a list of the addresses of rows of x, K, weights, sums
      locals: [i32, i32, v128, ...locals(rows, i32), ...locals(rows * VECTORS + VECTORS, v128)],
      out: [],
    },
    ([list, K, w, sums], [end, blockEnd, x, ...others]) => {
      const xs = others.slice(0, rows) as I32[]
      const registers = others.slice(rows) as V128[]
      const acc = registers.splice(0, rows * VECTORS)
      const offsets = acc.map((sum, i) => ({ sum, offset: i * 16 }))
      xs.forEach((pointer, r) => local.set(pointer, i32.load({ offset: r * 4 }, list)))
      for (const { offset } of offsets) v128.store({ offset }, sums, splat(0))
      local.set(end, i32.add(xs[0], i32.mul(K, 4)))
      // for each block of at most SUM_BLOCK steps of k
      whileBelow(xs[0], end, () => {
        local.set(blockEnd, i32.add(xs[0], SUM_BLOCK * 4))
        limitTo(blockEnd, end)
        for (const sum of acc) local.set(sum, splat(0))
        //   for k in the block: acc[r] += x[r][k] * w[k]
        doWhile(() => {
          registers.forEach((weights, j) => local.set(weights, v128.load({ offset: j * 16 }, w)))
          xs.forEach((pointer, r) => {
            local.set(x, v128.load32_splat({}, pointer))
            registers.forEach((weights, j) => {
              const sum = acc[r * VECTORS + j]
              local.set(sum, emitter.madd(x, weights, sum))
            })
          })
          for (const pointer of xs) increment(pointer, 4)
          increment(w, emitter.panel * 4)
          return i32.lt_u(xs[0], blockEnd)
        })
        for (const { sum, offset } of offsets) local.set(sum, f32x4.add(v128.load({ offset }, sums), sum))
        for (const { sum, offset } of offsets) v128.store({ offset }, sums, sum)
      })
    },
  )
}

/** Leaves which of a row's possible columns are positive, or NaN, as bits; sums becomes sums + bias. */
function positives() {
  return func(
    { in: [i32, i32, i32], locals: [v128, v128], out: [i32] },
    ([sums, bias, possible], [low, high]) => {
      const values = [low, high]
      values.forEach((value, i) => {
        local.set(value, v128.load({ offset: HALVES[i] }, bias))
        local.set(value, f32x4.add(v128.load({ offset: HALVES[i] }, sums), value))
        v128.store({ offset: HALVES[i] }, sums, value)
      })
      i32.and(notAtMostZero(values), possible)
    },
  )
}

/**
 * Computes the possible columns of the rows that lookAgain left in scratch, as the dense kernel does. The positive ones
 * become entries, row by row, column by column; leaves the place behind them.
 */
export function recomputeListed(emitter: Emitter) {
  const [small, large, keep] = [gatheredTile(emitter, SMALL), gatheredTile(emitter, LARGE), positives()]
  return func(
    {
      // rows in scratch, number of the group, K, its weights, all biases, tallies, entries, scratch
      in: [i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32, i32, i32],
      out: [i32],
    },
    (
      [count, g, K, weights, bias, tallies, entries, scratch],
      [i, end, list, sums, row, bits, at, column],
    ) => {
      increment(bias, i32.mul(g, GROUP_BYTES))
      local.set(list, i32.add(scratch, SCRATCH.pointers))
      fillList(list, count, at)
      local.set(i, i32.const(0))
      // for each tile of the list
      whileBelow(i, count, () => {
        local.set(end, i32.add(i, SMALL))
        when(
          i32.ge_u(end, count),
          () => call(small, [list, K, weights, scratch]),
          () => {
            local.set(end, i32.add(i, LARGE))
            call(large, [list, K, weights, scratch])
          },
        )
        limitTo(end, count)
        increment(list, LARGE * 4)
        local.set(sums, scratch)
        // for each of its rows
        forUpTo(i, end, 1, () => {
          local.set(at, i32.add(scratch, i32.mul(i, 4)))
          local.set(row, i32.load({ offset: SCRATCH.rows }, at))
          call(keep, [sums, bias, i32.load({ offset: SCRATCH.possible }, at)])
          local.set(bits)
          addCount(setTally(at, tallies, row), TALLY.active, bits)
          // entries <- the columns of the bits, lowest first
          when(bits, () =>
            doWhile(() => {
              local.set(at, i32.ctz(bits))
              local.set(column, i32.add(i32.mul(g, GROUP), at))
              i32.store({}, entries, i32.or(i32.shl(column, ENTRY_ROW_BITS), row))
              i32.store({ offset: 4 }, entries, i32.load({}, i32.add(i32.mul(at, 4), sums)))
              increment(entries, ENTRY_BYTES)
              local.set(bits, i32.and(i32.sub(bits, 1), bits))
              return i32.ne(bits, 0)
            }),
          )
          increment(sums, GROUP_BYTES)
        })
      })
      local.get(entries)
    },
  )
}
