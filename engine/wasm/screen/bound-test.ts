import { f32x4, func, i32, i32x4, i64, local, v128 } from 'wasmati'
import {
  forUpTo,
  increment,
  splat,
  when,
  whileBelow,
  type I32,
  type MultiplyAdd,
  type V128,
} from '../emit.ts'
import type { Emitter } from '../kernel.ts'
import { BOUND, COLUMN, GROUP, GROUP_BYTES, LARGE_BYTES, ROW, ROW_BYTES, SCRATCH } from './layout.ts'

export const HALVES = [0, 16] as const // a group's two vectors, in bytes

/** What is known of four columns, and what comes of them for a row. */
interface Half {
  readonly offset: number // in bytes
  readonly scale: V128
  readonly norm: V128
  readonly residual: V128
  readonly value: V128
  readonly limit: V128
}

function halvesOf(registers: readonly V128[]): Half[] {
  return HALVES.map((offset, i) => {
    const [scale, norm, residual, value, limit] = registers.slice(i * 5, i * 5 + 5)
    return { offset, scale, norm, residual, value, limit }
  })
}

function loadColumns(halves: readonly Half[], columns: I32): void {
  for (const { offset, scale, norm, residual } of halves) {
    local.set(scale, v128.load({ offset: COLUMN.scale + offset }, columns))
    local.set(norm, v128.load({ offset: COLUMN.norm + offset }, columns))
    local.set(residual, v128.load({ offset: COLUMN.residual + offset }, columns))
  }
}

/**
 * value += sums * scale * step, what the digits say; limit = value + |r| |w_j| + |x''| |d_j|.
 * `ofRow` is overwritten; `bound` is where a row has its numbers.
 */
function setLimits(
  halves: readonly Half[],
  row: I32,
  sums: I32,
  bound: number,
  ofRow: V128,
  madd: MultiplyAdd,
): void {
  local.set(ofRow, v128.load32_splat({ offset: bound + BOUND.step }, row))
  for (const { offset, limit } of halves) local.set(limit, v128.load({ offset }, sums))
  for (const { scale, value, limit } of halves) {
    local.set(limit, f32x4.mul(f32x4.convert_i32x4_s(limit), scale))
    local.set(value, madd(limit, ofRow, value))
  }
  local.set(ofRow, v128.load32_splat({ offset: bound + BOUND.ofNorm }, row))
  for (const { norm, value, limit } of halves) local.set(limit, madd(norm, ofRow, value))
  local.set(ofRow, v128.load32_splat({ offset: bound + BOUND.ofResidual }, row))
  for (const { residual, limit } of halves) local.set(limit, madd(residual, ofRow, limit))
}

/** Leaves which of eight columns are not <= 0, as bits: NaN is not. Overwrites them. */
export function notAtMostZero([low, high]: readonly V128[]): ReturnType<typeof i32.xor> {
  for (const half of [low, high]) local.set(half, f32x4.le(half, splat(0)))
  i32x4.bitmask(low)
  i32.shl(i32x4.bitmask(high), 4)
  i32.or()
  i32.const(0xff)
  return i32.xor()
}

/**
 * What one digit says of a group's columns for the rows of a tile: which of them may be positive, eight bits a row, the
 * first row's lowest. Scratch has the rows' sums, and then, in `tile`, bias + large . w + scale step q . v.
 */
export function firstLook({ madd }: Emitter) {
  return func(
    {
      // rows, constants of the first, columns, the group's float32 weights, scratch
      in: [i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i64, i64, ...Array.from({ length: 14 }, () => v128)],
      out: [i64],
    },
    (
      [rows, row, columns, weights, scratch],
      [large, end, at, shift, all, ofRow, w, lowBias, highBias, ...registers],
    ) => {
      const halves = halvesOf(registers)
      const biases = [lowBias, highBias]
      loadColumns(halves, columns)
      biases.forEach((bias, i) => local.set(bias, v128.load({ offset: COLUMN.bias + HALVES[i] }, columns)))
      local.set(all, i64.const(0n))
      local.set(shift, i64.const(0n))
      local.set(rows, i32.add(row, i32.mul(rows, ROW_BYTES)))
      // for each row:
      forUpTo(row, rows, ROW_BYTES, () => {
        halves.forEach(({ value }, i) => local.set(value, biases[i]))
        // for each of its large numbers: value += x[k] * w[k]
        local.set(end, i32.load({ offset: ROW.largeCount }, row))
        when(end, () => {
          local.set(large, i32.load({ offset: ROW.large }, row))
          local.set(end, i32.add(large, i32.mul(end, LARGE_BYTES)))
          whileBelow(large, end, () => {
            local.set(at, i32.add(weights, i32.load({}, large)))
            local.set(ofRow, v128.load32_splat({ offset: 4 }, large))
            for (const { value, offset } of halves) {
              local.set(w, v128.load({ offset }, at))
              local.set(value, madd(ofRow, w, value))
            }
            increment(large, LARGE_BYTES)
          })
        })
        setLimits(halves, row, scratch, ROW.one, ofRow, madd)
        for (const { value, offset } of halves) v128.store({ offset: SCRATCH.tile + offset }, scratch, value)
        notAtMostZero(halves.map(({ limit }) => limit))
        local.set(at)
        local.set(all, i64.or(i64.shl(i64.extend_i32_u(at), shift), all))
        local.set(shift, i64.add(shift, BigInt(GROUP)))
        increment(scratch, GROUP_BYTES)
      })
      local.get(all)
    },
  )
}

/** The same for rows of a list, with two digits: `values` are what the first one said. */
export function secondLook({ madd }: Emitter) {
  return func(
    {
      // rows, their numbers, constants of row 0, columns, values, scratch
      in: [i32, i32, i32, i32, i32, i32],
      locals: [i32, i64, i64, ...Array.from({ length: 11 }, () => v128)],
      out: [i64],
    },
    ([rows, list, rowConstants, columns, values, scratch], [row, shift, all, ofRow, ...registers]) => {
      const halves = halvesOf(registers)
      loadColumns(halves, columns)
      local.set(all, i64.const(0n))
      local.set(shift, i64.const(0n))
      local.set(rows, i32.add(list, i32.mul(rows, 4)))
      forUpTo(list, rows, 4, () => {
        local.set(row, i32.add(rowConstants, i32.mul(i32.load({}, list), ROW_BYTES)))
        for (const { value, offset } of halves) local.set(value, v128.load({ offset }, values))
        setLimits(halves, row, scratch, ROW.two, ofRow, madd)
        notAtMostZero(halves.map(({ limit }) => limit))
        local.set(row)
        local.set(all, i64.or(i64.shl(i64.extend_i32_u(row), shift), all))
        local.set(shift, i64.add(shift, BigInt(GROUP)))
        increment(values, GROUP_BYTES)
        increment(scratch, GROUP_BYTES)
      })
      local.get(all)
    },
  )
}
