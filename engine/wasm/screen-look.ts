import { f32x4, func, i32, i32x4, local, v128 } from 'wasmati'
import { increment, splat, whileBelow, type I32, type V128 } from './emit.ts'
import type { Emitter } from './kernel.ts'
import { BOUND, COLUMN, GROUP, LARGE_BYTES, ROW } from './screen-plan.ts'

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
export function firstLook({ madd }: Emitter) {
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
export function secondLook() {
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
