// Recomputing what the bound tests leave possible, with the dense kernel's own additions in its own order.
import { f32x4, i32, local, v128 } from 'wasmati'
import { doWhile, forUpTo, increment, limitTo, when, whileBelow } from '../emit.ts'
import { call, func } from '../function.ts'
import type { Emitter } from '../emitter.ts'
import { i32s } from '../kernels.ts'
import { multiply, registersOf } from '../tile.ts'
import { HALVES, notAtMostZero } from './bound-test.ts'
import { ENTRY_BYTES, ENTRY_ROW_BITS, GROUP, GROUP_BYTES, SCRATCH, TALLY } from './layout.ts'
import { addCount, fillList, setTally } from './row-list.ts'

/** Rows of a tile: the larger fills 15 registers of 128 bits; fewer than the smaller would not be faster. */
const [SMALL, LARGE] = [4, 6]

/**
 * sums[rows][GROUP] = x[rows][K] times GROUP columns of float32 weights: as tile.ts does it, so the same bits, but for
 * rows from a list of their addresses, and for half a wide panel.
 */
function gatheredTile(emitter: Emitter, rows: number) {
  return func(
    { in: i32s('list K w sums'), locals: { i32: 2 + rows, v128: registersOf(rows, GROUP) } },
    ({ list, K, w, sums }, { i32: [end, blockEnd, ...xs], v128: registers }) => {
      xs.forEach((pointer, r) => local.set(pointer, i32.load({ offset: r * 4 }, list)))
      const [ends, step] = [[end, blockEnd], emitter.panel * 4]
      multiply(emitter, { xs, ws: [w], width: GROUP, step, K, sums, ends, registers })
    },
  )
}

/** Leaves which of a row's possible columns are positive, or NaN, as bits; sums becomes sums + bias. */
function positives() {
  return func(
    { in: i32s('sums bias possible'), locals: { v128: 2 }, out: 'i32' },
    ({ sums, bias, possible }, { v128: values }) => {
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
 * Computes the possible columns of the rows that testListed left in scratch, as the dense kernel does. The positive ones
 * become entries, row by row, column by column; leaves the place behind them. `g`: the group's number; `bias`: all biases.
 */
export function recomputeListed(emitter: Emitter) {
  const [small, large, keep] = [gatheredTile(emitter, SMALL), gatheredTile(emitter, LARGE), positives()]
  return func(
    {
      in: i32s('count g inputs weights bias tallies entries scratch'),
      locals: { i32: 8 },
      out: 'i32',
    },
    (
      { count, g, inputs, weights, bias, tallies, entries, scratch },
      { i32: [i, end, list, sums, row, bits, at, column] },
    ) => {
      increment(bias, i32.mul(g, GROUP_BYTES))
      local.set(list, i32.add(scratch, SCRATCH.pointers))
      fillList(list, count, at)
      local.set(i, i32.const(0))
      const tile = { list, K: inputs, w: weights, sums: scratch }
      // for each tile of the list
      whileBelow(i, count, () => {
        local.set(end, i32.add(i, SMALL))
        when(
          i32.ge_u(end, count),
          () => call(small, tile),
          () => {
            local.set(end, i32.add(i, LARGE))
            call(large, tile)
          },
        )
        limitTo(end, count)
        increment(list, LARGE * 4)
        local.set(sums, scratch)
        // for each of its rows
        forUpTo(i, end, 1, () => {
          local.set(at, i32.add(scratch, i32.mul(i, 4)))
          local.set(row, i32.load({ offset: SCRATCH.rows }, at))
          call(keep, { sums, bias, possible: i32.load({ offset: SCRATCH.possible }, at) })
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
