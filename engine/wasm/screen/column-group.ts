import { call, func, i32, i64, local, v128 } from 'wasmati'
import { increment, when, whileBelow, type I32 } from '../emit.ts'
import type { Emitter } from '../kernel.ts'
import { digitTiles } from './int8-tile.ts'
import { addCount, fillList, forHits, setTally } from './row-list.ts'
import { firstLook, HALVES, secondLook } from './bound-test.ts'
import { COLUMN_BYTES, DIGIT_ROWS, GROUP, GROUP_BYTES, ROW_BYTES, SCRATCH, TALLY } from './layout.ts'
import { recomputeListed } from './recompute.ts'

/**
 * Looks at all rows with one digit; leaves how many of them have a column that may be positive. These stand in scratch:
 * their numbers, the addresses of their second digits, and what the first digit says.
 */
function lookAtAll(emitter: Emitter) {
  const [tile, look] = [digitTiles(emitter, 'packed'), firstLook(emitter)]
  return func(
    {
      // rows, their first digits, K of the digits, second digits, row constants, the group's 8-bit columns, column
      // constants and float32 weights, whether rows are left out, tallies, scratch
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32, i64, i64],
      out: [i32],
    },
    (
      [rows, firsts, K, seconds, rowConstants, digits, columns, weights, leftOut, tallies, scratch],
      [first, kept, left, row, bits, at, hits, shift],
    ) => {
      local.set(kept, i32.const(0))
      local.set(first, i32.const(0))
      // for each tile of rows
      whileBelow(first, rows, () => {
        local.set(left, i32.sub(rows, first))
        call(tile, [left, firsts, K, digits, columns, scratch])
        when(i32.gt_u(left, DIGIT_ROWS), () => local.set(left, i32.const(DIGIT_ROWS)))
        local.set(row, i32.add(rowConstants, i32.mul(first, ROW_BYTES)))
        call(look, [left, row, columns, weights, scratch])
        local.set(hits)
        forHits({ hits, shift, row, bits }, () => {
          local.set(left, i32.add(scratch, i32.mul(row, GROUP_BYTES)))
          increment(row, first)
          i32.load8_u({}, i32.add(leftOut, row))
          when(i32.eqz(), () => {
            addCount(setTally(at, tallies, row), TALLY.afterOneDigit, bits)
            // values[kept] = what the tile has for the row
            local.set(at, i32.add(scratch, i32.mul(kept, GROUP_BYTES)))
            for (const offset of HALVES)
              v128.store(
                { offset: SCRATCH.values + offset },
                at,
                v128.load({ offset: SCRATCH.tile + offset }, left),
              )
            local.set(at, i32.add(scratch, i32.mul(kept, 4)))
            i32.store({ offset: SCRATCH.rows }, at, row)
            i32.store({ offset: SCRATCH.pointers }, at, i32.add(seconds, i32.mul(row, K)))
            increment(kept, 1)
          })
        })
        increment(first, DIGIT_ROWS)
        increment(firsts, i32.mul(K, DIGIT_ROWS))
      })
      local.get(kept)
    },
  )
}

/**
 * Looks again, with two digits, at the rows that lookAtAll left in scratch; leaves how many are left. These stand in
 * scratch: their numbers, their possible columns, the addresses of their numbers x.
 * A row with such columns in more than `most` groups of this chunk is left out from there on.
 */
function lookAgain(emitter: Emitter) {
  const [tile, look] = [digitTiles(emitter, 'listed'), secondLook(emitter)]
  return func(
    {
      // rows in scratch, K of the digits, row constants, the group's 8-bit columns, column constants, x, bytes of a row
      // of x, most groups, whether rows are left out, tallies, scratch
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32, i32, i32, i64, i64],
      out: [i32],
    },
    (
      [count, K, rowConstants, digits, columns, x, xBytes, most, leftOut, tallies, scratch],
      [first, kept, left, list, values, row, bits, at, hits, shift],
    ) => {
      local.set(list, i32.add(scratch, SCRATCH.pointers))
      fillList(list, count, at)
      local.set(kept, i32.const(0))
      local.set(first, i32.const(0))
      local.set(values, i32.add(scratch, SCRATCH.values))
      // for each tile of the list
      whileBelow(first, count, () => {
        local.set(left, i32.sub(count, first))
        call(tile, [left, list, K, digits, columns, scratch])
        when(i32.gt_u(left, DIGIT_ROWS), () => local.set(left, i32.const(DIGIT_ROWS)))
        local.set(at, i32.add(scratch, i32.mul(first, 4)))
        increment(at, SCRATCH.rows)
        call(look, [left, at, rowConstants, columns, values, scratch])
        local.set(hits)
        forHits({ hits, shift, row, bits }, () => {
          local.set(at, i32.add(scratch, i32.mul(i32.add(row, first), 4)))
          local.set(row, i32.load({ offset: SCRATCH.rows }, at))
          addCount(setTally(left, tallies, row), TALLY.candidates, bits)
          i32.store({ offset: TALLY.groups }, left, i32.add(i32.load({ offset: TALLY.groups }, left), 1))
          // the list of what is left lies in front of what is looked at
          local.set(at, i32.add(scratch, i32.mul(kept, 4)))
          i32.store({ offset: SCRATCH.rows }, at, row)
          i32.store({ offset: SCRATCH.possible }, at, bits)
          i32.store({ offset: SCRATCH.pointers }, at, i32.add(x, i32.mul(row, xBytes)))
          increment(kept, 1)
          when(i32.gt_u(i32.load({ offset: TALLY.groups }, left), most), () =>
            i32.store8({}, i32.add(leftOut, row), 1),
          )
        })
        increment(first, DIGIT_ROWS)
        increment(list, DIGIT_ROWS * 4)
        increment(values, DIGIT_ROWS * GROUP_BYTES)
      })
      local.get(kept)
    },
  )
}

/** weights = the float32 weights of group g: a panel, or half of one */
function setWeights({ panel }: Emitter, weights: I32, all: I32, g: I32, K: I32): void {
  const groups = panel / GROUP
  local.set(weights, i32.div_u(g, groups))
  local.set(weights, i32.mul(i32.mul(weights, K), panel * 4))
  local.set(weights, i32.add(weights, i32.mul(i32.rem_u(g, groups), GROUP_BYTES)))
  local.set(weights, i32.add(weights, all))
}

/**
 * Finds the positive outputs of all rows among a range of groups of columns, a group after the other: looks at every row
 * with one digit, at those that it leaves in doubt with two, and computes what is still possible as the dense kernel does.
 * Entries go where `place` says, which is left behind the last one.
 */
export function screen(emitter: Emitter) {
  const [first, second, last] = [lookAtAll(emitter), lookAgain(emitter), recomputeListed(emitter)]
  return func(
    {
      // first group, last (left out), rows, K of the digits, first digits, second digits, row
      // constants, 8-bit columns, column constants, x, K, float32 weights, bias, most groups of a row, whether rows are
      // left out, tallies, place, scratch
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32],
      out: [],
    },
    (
      [g, end, rows, K, firsts, seconds, rowConstants, allDigits, allColumns, x, inputs, ...others],
      [count, digits, columns, weights, xBytes, entries],
    ) => {
      const [allWeights, allBiases, most, leftOut, tallies, place, scratch] = others
      local.set(xBytes, i32.mul(inputs, 4))
      local.set(entries, i32.load({}, place))
      whileBelow(g, end, () => {
        local.set(digits, i32.add(allDigits, i32.mul(i32.mul(g, K), GROUP)))
        local.set(columns, i32.add(allColumns, i32.mul(g, COLUMN_BYTES)))
        setWeights(emitter, weights, allWeights, g, inputs)
        call(first, [
          ...([rows, firsts, K, seconds, rowConstants, digits, columns, weights] as const),
          ...([leftOut, tallies, scratch] as const),
        ])
        local.set(count)
        when(count, () => {
          call(second, [count, K, rowConstants, digits, columns, x, xBytes, most, leftOut, tallies, scratch])
          local.set(count)
          when(count, () => {
            call(last, [count, g, inputs, weights, allBiases, tallies, entries, scratch])
            local.set(entries)
          })
        })
        increment(g, 1)
      })
      i32.store({}, place, entries)
    },
  )
}
