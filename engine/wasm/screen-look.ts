import { f32x4, func, i32, i32x4, local, v128 } from 'wasmati'
import { increment, splat, when, whileBelow, type I32, type MultiplyAdd, type V128 } from './emit.ts'
import type { Emitter } from './kernel.ts'
import { BOUND, COLUMN, GROUP, LARGE_BYTES, ROW } from './screen-plan.ts'

export const HALVES = [0, 16] as const // a group's two vectors, in bytes
export const GROUP_BYTES = GROUP * 4

/** Addresses of a row's constants, of what its digits gave, and of the columns' constants; registers; which bound is meant. */
interface Look {
  readonly madd: MultiplyAdd
  readonly row: I32
  readonly sums: I32
  readonly columns: I32
  readonly bound: typeof ROW.one | typeof ROW.two
  readonly ofRow: V128
  readonly ofColumns: V128
}

/** value += (sum - offset) * scale * step: what the digits say of four columns; `scratch` is overwritten */
function addScaledSums(value: V128, scratch: V128, half: number, look: Look): void {
  const { madd, row, sums, columns, bound, ofRow } = look
  local.set(scratch, v128.load({ offset: COLUMN.offset + half }, columns))
  local.set(scratch, i32x4.sub(v128.load({ offset: half }, sums), scratch))
  local.set(scratch, f32x4.convert_i32x4_s(scratch))
  local.set(scratch, f32x4.mul(v128.load({ offset: COLUMN.scale + half }, columns), scratch))
  local.set(ofRow, v128.load32_splat({ offset: bound + BOUND.step }, row))
  local.set(value, madd(scratch, ofRow, value))
}

/** limit = whether value + |r| |w_j| + |x''| |d_j| is <= 0; where it is NaN, it is not */
function setRuledOut(limit: V128, value: V128, half: number, look: Look): void {
  const { madd, row, columns, bound, ofRow, ofColumns } = look
  local.set(limit, value)
  for (const [column, factor] of [
    [COLUMN.norm, BOUND.ofNorm],
    [COLUMN.residual, BOUND.ofResidual],
  ] as const) {
    local.set(ofColumns, v128.load({ offset: column + half }, columns))
    local.set(ofRow, v128.load32_splat({ offset: bound + factor }, row))
    local.set(limit, madd(ofColumns, ofRow, limit))
  }
  local.set(limit, f32x4.le(limit, splat(0)))
}

/** bits |= the columns of a vector's lanes that are false */
export function addBits(bits: I32, isFalse: V128, half: number): void {
  local.set(bits, i32.or(i32.shl(i32.xor(i32x4.bitmask(isFalse), 0b1111), half / 4), bits))
}

/** bits = the columns of both vectors' lanes that are false; most often there are none */
function setBits(bits: I32, [low, high]: readonly V128[], both: V128, onSome: () => void): void {
  local.set(bits, i32.const(0))
  local.set(both, v128.and(low, high))
  i32x4.all_true(both)
  when(i32.eqz(), () => {
    for (const [i, ruledOut] of [low, high].entries()) addBits(bits, ruledOut, HALVES[i])
    onSome()
  })
}

/** Leaves which columns of a group one digit leaves possible, as bits; what it says of them then goes to `values`. */
export function firstLook({ madd }: Emitter) {
  return func(
    {
      // row, its sums, columns, the group's float32 weights, values [GROUP]
      in: [i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, v128, v128, v128, v128, v128, v128],
      out: [i32],
    },
    ([row, sums, columns, weights, values], [large, end, at, bits, low, high, lowOut, highOut, x, w]) => {
      const look = { madd, row, sums, columns, bound: ROW.one, ofRow: x, ofColumns: w }
      const halves = [
        { value: low, ruledOut: lowOut, half: HALVES[0] },
        { value: high, ruledOut: highOut, half: HALVES[1] },
      ]
      for (const { value, ruledOut, half } of halves) {
        local.set(value, v128.load({ offset: COLUMN.bias + half }, columns))
        addScaledSums(value, ruledOut, half, look)
      }
      // for each of the row's large numbers: value += x[k] * w[k]
      local.set(end, i32.load({ offset: ROW.largeCount }, row))
      when(end, () => {
        local.set(large, i32.load({ offset: ROW.large }, row))
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
      })
      for (const { value, ruledOut, half } of halves) setRuledOut(ruledOut, value, half, look)
      setBits(bits, [lowOut, highOut], x, () => {
        for (const { value, half } of halves) v128.store({ offset: half }, values, value)
      })
      local.get(bits)
    },
  )
}

/** Leaves which columns of a group two digits leave possible, as bits. */
export function secondLook({ madd }: Emitter) {
  return func(
    { in: [i32, i32, i32, i32], locals: [i32, v128, v128, v128, v128], out: [i32] },
    ([row, sums, columns, values], [bits, value, ruledOut, x, w]) => {
      const look = { madd, row, sums, columns, bound: ROW.two, ofRow: x, ofColumns: w }
      local.set(bits, i32.const(0))
      for (const half of HALVES) {
        local.set(value, v128.load({ offset: half }, values))
        addScaledSums(value, ruledOut, half, look)
        setRuledOut(ruledOut, value, half, look)
        addBits(bits, ruledOut, half)
      }
      local.get(bits)
    },
  )
}
