// The kernel `screen`: a group of columns after the other, for all rows. See screen.ts for the way through it.
import { i32, local, v128 } from 'wasmati'
import { increment, when, whileBelow } from '../emit.ts'
import { call, func } from '../function.ts'
import type { Emitter } from '../emitter.ts'
import { i32s, KERNELS } from '../kernels.ts'
import { boundTest, HALVES, residualBoundTest } from './bound-test.ts'
import { int8Tiles } from './int8-tile.ts'
import { COLUMN_BYTES, GROUP, GROUP_BYTES, INT8_ROWS, ROW_BYTES, SCRATCH, TALLY } from './layout.ts'
import { setGroupWeights } from './quantize-columns.ts'
import { recomputeListed } from './recompute.ts'
import { addCount, fillList, forHits, setTally } from './row-list.ts'

/** The group's int8 columns, their constants, and its float32 weights. */
const COLUMNS = i32s('int8 columns weights')

/**
 * Tests all rows by their int8 values; leaves how many of them have a column that may be positive. These stand in
 * scratch: their numbers, the addresses of their residuals, and their estimates.
 */
function testAll(emitter: Emitter) {
  const [tile, test] = [int8Tiles(emitter, 'packed'), boundTest(emitter)]
  return func(
    {
      in: {
        ...i32s('rows values padded residuals constants'),
        ...COLUMNS,
        ...i32s('leftOut tallies scratch'),
      },
      locals: { i32: 6, i64: 2 },
      out: 'i32',
    },
    (
      { rows, values, padded, residuals, constants, int8, columns, weights, leftOut, tallies, scratch },
      { i32: [first, kept, left, row, bits, at], i64: [hits, shift] },
    ) => {
      local.set(kept, i32.const(0))
      local.set(first, i32.const(0))
      // for each tile of rows
      whileBelow(first, rows, () => {
        local.set(left, i32.sub(rows, first))
        call(tile, { rows: left, x: values, K: padded, weights: int8, columns, sums: scratch })
        when(i32.gt_u(left, INT8_ROWS), () => local.set(left, i32.const(INT8_ROWS)))
        local.set(row, i32.add(constants, i32.mul(first, ROW_BYTES)))
        call(test, { rows: left, row, columns, weights, scratch })
        local.set(hits)
        forHits({ hits, shift, row, bits }, () => {
          local.set(left, i32.add(scratch, i32.mul(row, GROUP_BYTES)))
          increment(row, first)
          i32.load8_u({}, i32.add(leftOut, row))
          when(i32.eqz(), () => {
            addCount(setTally(at, tallies, row), TALLY.afterInt8, bits)
            // listed[kept] = the row's estimates
            local.set(at, i32.add(scratch, i32.mul(kept, GROUP_BYTES)))
            for (const offset of HALVES)
              v128.store(
                { offset: SCRATCH.listed + offset },
                at,
                v128.load({ offset: SCRATCH.estimates + offset }, left),
              )
            local.set(at, i32.add(scratch, i32.mul(kept, 4)))
            i32.store({ offset: SCRATCH.rows }, at, row)
            i32.store({ offset: SCRATCH.pointers }, at, i32.add(residuals, i32.mul(row, padded)))
            increment(kept, 1)
          })
        })
        increment(first, INT8_ROWS)
        increment(values, i32.mul(padded, INT8_ROWS))
      })
      local.get(kept)
    },
  )
}

/**
 * Tests the rows that testAll left in scratch again, by their residuals; leaves how many are left. These stand in
 * scratch: their numbers, their possible columns, the addresses of their numbers x.
 * A row with such columns in more than `most` groups of this chunk is left out from there on.
 */
function testListed(emitter: Emitter) {
  const [tile, test] = [int8Tiles(emitter, 'listed'), residualBoundTest(emitter)]
  return func(
    {
      in: i32s('count padded constants int8 columns x xStride most leftOut tallies scratch'),
      locals: { i32: 8, i64: 2 },
      out: 'i32',
    },
    (
      { count, padded, constants, int8, columns, x, xStride, most, leftOut, tallies, scratch },
      { i32: [first, kept, left, list, estimates, row, bits, at], i64: [hits, shift] },
    ) => {
      local.set(list, i32.add(scratch, SCRATCH.pointers))
      fillList(list, count, at)
      local.set(kept, i32.const(0))
      local.set(first, i32.const(0))
      local.set(estimates, i32.add(scratch, SCRATCH.listed))
      // for each tile of the list
      whileBelow(first, count, () => {
        local.set(left, i32.sub(count, first))
        call(tile, { rows: left, x: list, K: padded, weights: int8, columns, sums: scratch })
        when(i32.gt_u(left, INT8_ROWS), () => local.set(left, i32.const(INT8_ROWS)))
        local.set(at, i32.add(scratch, i32.mul(first, 4)))
        increment(at, SCRATCH.rows)
        call(test, { rows: left, list: at, constants, columns, estimates, scratch })
        local.set(hits)
        forHits({ hits, shift, row, bits }, () => {
          local.set(at, i32.add(scratch, i32.mul(i32.add(row, first), 4)))
          local.set(row, i32.load({ offset: SCRATCH.rows }, at))
          addCount(setTally(left, tallies, row), TALLY.candidates, bits)
          i32.store({ offset: TALLY.groups }, left, i32.add(i32.load({ offset: TALLY.groups }, left), 1))
          // the list of what is left lies in front of what is tested
          local.set(at, i32.add(scratch, i32.mul(kept, 4)))
          i32.store({ offset: SCRATCH.rows }, at, row)
          i32.store({ offset: SCRATCH.possible }, at, bits)
          i32.store({ offset: SCRATCH.pointers }, at, i32.add(x, i32.mul(row, xStride)))
          increment(kept, 1)
          when(i32.gt_u(i32.load({ offset: TALLY.groups }, left), most), () =>
            i32.store8({}, i32.add(leftOut, row), 1),
          )
        })
        increment(first, INT8_ROWS)
        increment(list, INT8_ROWS * 4)
        increment(estimates, INT8_ROWS * GROUP_BYTES)
      })
      local.get(kept)
    },
  )
}

/**
 * Finds the positive outputs of all rows among a range of groups of columns: tests every row by its int8 values, those
 * that they leave in doubt by their residuals, and computes what is still possible as the dense kernel does.
 * Entries go where `place` says, which is left behind the last one. `most`: the groups in which a row may have columns
 * that are possible; with more it is left out.
 */
export function screen(emitter: Emitter) {
  const [all, listed, recompute] = [testAll(emitter), testListed(emitter), recomputeListed(emitter)]
  return func({ in: KERNELS.screen, locals: { i32: 6 } }, (parameters, { i32: locals }) => {
    const { first: g, last, rows, padded, values, residuals, constants, x, inputs } = parameters
    const { most, leftOut, tallies, place, scratch } = parameters
    const [count, int8, columns, weights, xStride, entries] = locals
    local.set(xStride, i32.mul(inputs, 4))
    local.set(entries, i32.load({}, place))
    whileBelow(g, last, () => {
      local.set(int8, i32.add(parameters.int8, i32.mul(i32.mul(g, padded), GROUP)))
      local.set(columns, i32.add(parameters.columns, i32.mul(g, COLUMN_BYTES)))
      setGroupWeights(emitter, weights, parameters.weights, g, inputs)
      const rowsLeft = { padded, constants, int8, columns, leftOut, tallies, scratch }
      call(all, { rows, values, residuals, weights, ...rowsLeft })
      local.set(count)
      when(count, () => {
        call(listed, { count, x, xStride, most, ...rowsLeft })
        local.set(count)
        when(count, () => {
          call(recompute, { count, g, inputs, weights, bias: parameters.bias, tallies, entries, scratch })
          local.set(entries)
        })
      })
      increment(g, 1)
    })
    i32.store({}, place, entries)
  })
}
