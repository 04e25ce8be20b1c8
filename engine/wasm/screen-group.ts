import { call, f32x4, func, i32, i32x4, local, v128 } from 'wasmati'
import {
  forUpTo,
  increment,
  limitTo,
  splat,
  when,
  whileBelow,
  zeroBytes,
  type I32,
  type V128,
} from './emit.ts'
import type { Emitter } from './kernel.ts'
import { digitTileOfAnySize, groupRows } from './screen-digits.ts'
import { BOUND, COLUMN, COLUMN_BYTES, GROUP, LARGE_BYTES, ROW, ROW_BYTES, SCRATCH } from './screen-plan.ts'

export const HALVES = [0, 16] as const // a group's two vectors, in bytes
export const GROUP_BYTES = GROUP * 4

/** Addresses of a row's constants, of what its digits gave, and of the columns' constants; and which bound is meant. */
interface Look {
  readonly row: I32
  readonly sums: I32
  readonly columns: I32
  readonly bound: typeof ROW.one | typeof ROW.two
}

/** value = (sum - offset) * scale * step: what the digits say of four columns */
function scaledSums(value: V128, half: number, { row, sums, columns, bound }: Look): void {
  local.set(value, v128.load({ offset: COLUMN.offset + half }, columns))
  local.set(value, i32x4.sub(v128.load({ offset: half }, sums), value))
  local.set(value, f32x4.convert_i32x4_s(value))
  local.set(value, f32x4.mul(v128.load({ offset: COLUMN.scale + half }, columns), value))
  local.set(value, f32x4.mul(v128.load32_splat({ offset: bound + BOUND.step }, row), value))
}

/** bits |= the columns where value + |r| |w_j| + |x''| |d_j| is not <= 0, so also where it is NaN */
function addPossible(bits: I32, value: V128, half: number, x: V128, { row, columns, bound }: Look): void {
  for (const [ofColumn, ofRow] of [
    [COLUMN.norm, BOUND.ofNorm],
    [COLUMN.residual, BOUND.ofResidual],
  ] as const) {
    local.set(x, v128.load({ offset: ofColumn + half }, columns))
    local.set(x, f32x4.mul(v128.load32_splat({ offset: bound + ofRow }, row), x))
    local.set(value, f32x4.add(value, x))
  }
  local.set(value, f32x4.le(value, splat(0)))
  addBits(bits, value, half)
}

/** bits |= the columns of a vector's lanes that are false */
export function addBits(bits: I32, isFalse: V128, half: number): void {
  local.set(bits, i32.or(i32.shl(i32.xor(i32x4.bitmask(isFalse), 0b1111), half / 4), bits))
}

/** Leaves which columns of a group one digit leaves possible, as bits; what it says of them goes to `values`. */
function firstLook({ madd }: Emitter) {
  return func(
    {
      // row, its sums, columns, the group's float32 weights, values [GROUP]
      in: [i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, v128, v128, v128, v128],
      out: [i32],
    },
    ([row, sums, columns, weights, values], [large, end, at, bits, low, high, x, w]) => {
      const look = { row, sums, columns, bound: ROW.one }
      const halves = [low, high].map((value, i) => ({ value, half: HALVES[i] }))
      for (const { value, half } of halves) {
        scaledSums(value, half, look)
        local.set(value, f32x4.add(v128.load({ offset: COLUMN.bias + half }, columns), value))
      }
      // for each of the row's large numbers: value += x[k] * w[k]
      local.set(large, i32.load({ offset: ROW.large }, row))
      local.set(end, i32.load({ offset: ROW.largeCount }, row))
      local.set(end, i32.add(large, i32.mul(end, LARGE_BYTES)))
      whileBelow(large, end, () => {
        local.set(at, i32.add(weights, i32.load({}, large)))
        local.set(x, v128.load32_splat({ offset: 4 }, large))
        for (const { value, half } of halves) {
          local.set(w, v128.load({ offset: half }, at))
          local.set(value, madd(x, w, value))
        }
        increment(large, LARGE_BYTES)
      })
      for (const { value, half } of halves) v128.store({ offset: half }, values, value)
      local.set(bits, i32.const(0))
      for (const { value, half } of halves) addPossible(bits, value, half, x, look)
      local.get(bits)
    },
  )
}

/** Leaves which columns of a group two digits leave possible, as bits. */
function secondLook() {
  return func(
    { in: [i32, i32, i32, i32], locals: [i32, v128, v128], out: [i32] },
    ([row, sums, columns, values], [bits, value, x]) => {
      const look = { row, sums, columns, bound: ROW.two }
      local.set(bits, i32.const(0))
      for (const half of HALVES) {
        scaledSums(value, half, look)
        local.set(value, f32x4.add(v128.load({ offset: half }, values), value))
        addPossible(bits, value, half, x, look)
      }
      local.get(bits)
    },
  )
}

/** list[count] to list[count + groupRows - 1] = its last entry, so that the last tile has rows to work on. */
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

/**
 * masks[g][row] = which columns of group g may be positive for a row, as bits, for a range of groups and all rows.
 * Every row is looked at with one digit, and those that one digit leaves in doubt with two.
 * hits[row] += 1 for each group in which the row has a column; counts += the columns after one digit, and after two.
 */
export function screen(emitter: Emitter) {
  const tile = digitTileOfAnySize(emitter)
  const [lookFirst, lookAgain] = [firstLook(emitter), secondLook()]
  const rowsOfTile = groupRows(emitter)
  return func(
    {
      // first group, last (left out), rows, K of the digits, list of first digits, second digits, row constants,
      // 8-bit columns, column constants, float32 weights, K, masks, bytes of a group's masks, hits, counts, scratch
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      out: [],
    },
    (
      [
        g,
        last,
        rows,
        K,
        firsts,
        seconds,
        rowConstants,
        digits,
        columns,
        all,
        inputs,
        masks,
        stride,
        hits,
        ...rest
      ],
      [r, end, row, i, count, w, constants, weights, sums, bits, values, list, at],
    ) => {
      const [counts, scratch] = rest
      const [rowList, pointers] = [SCRATCH.rows, SCRATCH.pointers]
      const addCount = (offset: number) =>
        i32.store({ offset }, counts, i32.add(i32.load({ offset }, counts), i32.popcnt(bits)))
      forUpTo(g, last, 1, () => {
        local.set(w, i32.add(digits, i32.mul(i32.mul(g, K), GROUP)))
        local.set(constants, i32.add(columns, i32.mul(g, COLUMN_BYTES)))
        setWeights(emitter, weights, all, g, inputs)
        local.set(at, i32.add(masks, i32.mul(g, stride)))
        zeroBytes(at, stride)
        // one digit, for all rows
        local.set(count, i32.const(0))
        local.set(r, i32.const(0))
        whileBelow(r, rows, () => {
          local.set(at, i32.add(firsts, i32.mul(r, 4)))
          local.set(end, i32.sub(rows, r))
          call(tile, [end, at, K, w, scratch])
          local.set(sums, scratch)
          local.set(end, i32.add(r, rowsOfTile))
          limitTo(end, rows)
          forUpTo(r, end, 1, () => {
            local.set(row, i32.add(rowConstants, i32.mul(r, ROW_BYTES)))
            local.set(values, i32.add(scratch, i32.mul(count, GROUP_BYTES)))
            increment(values, SCRATCH.values)
            local.set(bits, call(lookFirst, [row, sums, constants, weights, values]))
            when(bits, () => {
              local.set(at, i32.add(scratch, i32.mul(count, 4)))
              i32.store({ offset: rowList }, at, r)
              i32.store({ offset: pointers }, at, i32.add(seconds, i32.mul(r, K)))
              increment(count, 1)
              addCount(0)
            })
            increment(sums, GROUP_BYTES)
          })
        })
        // two digits, for the rows where that was not enough
        when(count, () => {
          local.set(list, i32.add(scratch, pointers))
          fillList(emitter, list, count, at)
          local.set(i, i32.const(0))
          whileBelow(i, count, () => {
            local.set(end, i32.sub(count, i))
            call(tile, [end, list, K, w, scratch])
            increment(list, rowsOfTile * 4)
            local.set(sums, scratch)
            local.set(end, i32.add(i, rowsOfTile))
            limitTo(end, count)
            forUpTo(i, end, 1, () => {
              local.set(at, i32.add(scratch, i32.mul(i, 4)))
              local.set(r, i32.load({ offset: rowList }, at))
              local.set(row, i32.add(rowConstants, i32.mul(r, ROW_BYTES)))
              local.set(values, i32.add(scratch, i32.mul(i, GROUP_BYTES)))
              increment(values, SCRATCH.values)
              local.set(bits, call(lookAgain, [row, sums, constants, values]))
              when(bits, () => {
                local.set(at, i32.add(i32.add(masks, i32.mul(g, stride)), r))
                i32.store8({}, at, bits)
                local.set(at, i32.add(hits, i32.mul(r, 4)))
                i32.store({}, at, i32.add(i32.load({}, at), 1))
                addCount(4)
              })
              increment(sums, GROUP_BYTES)
            })
          })
        })
      })
    },
  )
}
