import { call, func, i32, local } from 'wasmati'
import { forUpTo, increment, limitTo, when, whileBelow, zeroBytes, type I32 } from './emit.ts'
import type { Emitter } from './kernel.ts'
import { digitTileOfAnySize, groupRows } from './screen-digits.ts'
import { firstLook, GROUP_BYTES, secondLook } from './screen-look.ts'
import { COLUMN_BYTES, GROUP, ROW_BYTES, SCRATCH } from './screen-plan.ts'

/** What a loop over the rows of a list works with; `list` moves on. */
interface ListLoop {
  readonly i: I32
  readonly end: I32
  readonly count: I32
  /** Where the addresses of the rows' digits or numbers stand, filled up to whole tiles. */
  readonly list: I32
  readonly sums: I32
  readonly scratch: I32
}

/** for each tile of a list of rows: `tile`, which leaves sums in `scratch`; then for each of its rows i: `body`, with its sums */
export function forListed(emitter: Emitter, loop: ListLoop, tile: () => void, body: () => void): void {
  const { i, end, count, list, sums, scratch } = loop
  const rows = groupRows(emitter)
  local.set(i, i32.const(0))
  whileBelow(i, count, () => {
    local.set(end, i32.add(i, rows))
    limitTo(end, count)
    tile()
    increment(list, rows * 4)
    local.set(sums, scratch)
    forUpTo(i, end, 1, () => {
      body()
      increment(sums, GROUP_BYTES)
    })
  })
}

/** list[count] and the places behind it, up to a whole tile, = the last entry */
export function fillList(emitter: Emitter, list: I32, count: I32, at: I32): void {
  local.set(at, i32.add(list, i32.mul(count, 4)))
  for (let r = 0; r < groupRows(emitter) - 1; r++)
    i32.store({ offset: r * 4 }, at, i32.load({}, i32.sub(at, 4)))
}

/** weights = the float32 weights of group g: a panel, or half of one */
export function setWeights({ panel }: Emitter, weights: I32, all: I32, g: I32, K: I32): void {
  const groups = panel / GROUP
  local.set(weights, i32.div_u(g, groups))
  local.set(weights, i32.mul(i32.mul(weights, K), panel * 4))
  local.set(weights, i32.add(weights, i32.mul(i32.rem_u(g, groups), GROUP_BYTES)))
  local.set(weights, i32.add(weights, all))
}

/** counts[offset] += the bits that are set */
function addCount(counts: I32, offset: number, bits: I32): void {
  i32.store({ offset }, counts, i32.add(i32.load({ offset }, counts), i32.popcnt(bits)))
}

/**
 * Looks at all rows with one digit; leaves how many of them have a column that may be positive. These stand in scratch:
 * their numbers, the addresses of their second digits, and what the first digit says.
 */
function lookAtAll(emitter: Emitter, tile: ReturnType<typeof digitTileOfAnySize>) {
  const look = firstLook(emitter)
  return func(
    {
      // rows, list of first digits, K of the digits, second digits, row constants, the group's 8-bit columns, column
      // constants and float32 weights, counts, scratch
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32, i32, i32],
      out: [i32],
    },
    (
      [rows, list, K, seconds, rowConstants, digits, columns, weights, counts, scratch],
      [r, end, sums, kept, row, values, bits, at],
    ) => {
      local.set(kept, i32.const(0))
      const callTile = () => {
        local.set(at, i32.sub(end, r))
        call(tile, [at, list, K, digits, scratch])
      }
      forListed(emitter, { i: r, end, count: rows, list, sums, scratch }, callTile, () => {
        local.set(row, i32.add(rowConstants, i32.mul(r, ROW_BYTES)))
        local.set(values, i32.add(scratch, i32.mul(kept, GROUP_BYTES)))
        increment(values, SCRATCH.values)
        local.set(bits, call(look, [row, sums, columns, weights, values]))
        when(bits, () => {
          local.set(at, i32.add(scratch, i32.mul(kept, 4)))
          i32.store({ offset: SCRATCH.rows }, at, r)
          i32.store({ offset: SCRATCH.pointers }, at, i32.add(seconds, i32.mul(r, K)))
          increment(kept, 1)
          addCount(counts, 0, bits)
        })
      })
      local.get(kept)
    },
  )
}

/** Looks again, with two digits, at the rows that lookAtAll left in scratch, and writes the group's masks. */
function lookAgain(emitter: Emitter, tile: ReturnType<typeof digitTileOfAnySize>) {
  const look = secondLook(emitter)
  return func(
    {
      // rows in scratch, K of the digits, row constants, the group's 8-bit columns, column constants, masks, hits,
      // counts, scratch
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32, i32, i32, i32],
      out: [],
    },
    (
      [count, K, rowConstants, digits, columns, masks, hits, counts, scratch],
      [i, end, list, sums, r, row, values, bits, at],
    ) => {
      local.set(list, i32.add(scratch, SCRATCH.pointers))
      fillList(emitter, list, count, at)
      const callTile = () => {
        local.set(at, i32.sub(end, i))
        call(tile, [at, list, K, digits, scratch])
      }
      forListed(emitter, { i, end, count, list, sums, scratch }, callTile, () => {
        local.set(at, i32.add(scratch, i32.mul(i, 4)))
        local.set(r, i32.load({ offset: SCRATCH.rows }, at))
        local.set(row, i32.add(rowConstants, i32.mul(r, ROW_BYTES)))
        local.set(values, i32.add(scratch, i32.mul(i, GROUP_BYTES)))
        increment(values, SCRATCH.values)
        local.set(bits, call(look, [row, sums, columns, values]))
        when(bits, () => {
          i32.store8({}, i32.add(masks, r), bits)
          local.set(at, i32.add(hits, i32.mul(r, 4)))
          i32.store({}, at, i32.add(i32.load({}, at), 1))
          addCount(counts, 4, bits)
        })
      })
    },
  )
}

/**
 * masks[g][row] = which columns of group g may be positive for a row, as bits, for a range of groups and all rows.
 * Every row is looked at with one digit, and those that one digit leaves in doubt with two.
 * hits[row] += 1 for each group in which the row has a column; counts += the columns after one digit, and after two.
 */
export function screen(emitter: Emitter) {
  const tile = digitTileOfAnySize(emitter)
  const [first, second] = [lookAtAll(emitter, tile), lookAgain(emitter, tile)]
  return func(
    {
      // first group, last (left out), rows, K of the digits, list of first digits, second digits, row constants,
      // 8-bit columns, column constants, float32 weights, K, masks, bytes of a group's masks, hits, counts, scratch
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32],
      out: [],
    },
    (
      [g, last, rows, K, firsts, seconds, rowConstants, ...others],
      [count, digits, columns, weights, masks],
    ) => {
      const [allDigits, allColumns, allWeights, inputs, allMasks, stride, hits, counts, scratch] = others
      forUpTo(g, last, 1, () => {
        local.set(digits, i32.add(allDigits, i32.mul(i32.mul(g, K), GROUP)))
        local.set(columns, i32.add(allColumns, i32.mul(g, COLUMN_BYTES)))
        setWeights(emitter, weights, allWeights, g, inputs)
        local.set(masks, i32.add(allMasks, i32.mul(g, stride)))
        zeroBytes(masks, stride)
        call(first, [rows, firsts, K, seconds, rowConstants, digits, columns, weights, counts, scratch])
        local.set(count)
        when(count, () =>
          call(second, [count, K, rowConstants, digits, columns, masks, hits, counts, scratch]),
        )
      })
    },
  )
}
