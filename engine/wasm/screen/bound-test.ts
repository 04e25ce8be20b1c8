// The bound test: which of a group's columns could be positive, by what int8 numbers say and the bound on their error.
import { f32x4, i32, i32x4, i64, local, v128, type Local } from 'wasmati'
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
import { func } from '../function.ts'
import type { Emitter } from '../emitter.ts'
import { i32s } from '../kernels.ts'
import { BOUND, COLUMN, GROUP, GROUP_BYTES, LARGE_BYTES, ROW, ROW_BYTES, SCRATCH } from './layout.ts'

export const HALVES = [0, 16] as const // a group's two vectors, in bytes

/** What is known of four columns, and what comes of them for a row. */
interface Half {
  readonly offset: number // in bytes
  readonly scale: V128
  readonly norm: V128
  readonly error: V128
  readonly estimate: V128
  readonly limit: V128
}

function halvesOf(registers: readonly V128[]): Half[] {
  return HALVES.map((offset, i) => {
    const [scale, norm, error, estimate, limit] = registers.slice(i * 5, i * 5 + 5)
    return { offset, scale, norm, error, estimate, limit }
  })
}

function loadColumns(halves: readonly Half[], columns: I32): void {
  for (const { offset, scale, norm, error } of halves) {
    local.set(scale, v128.load({ offset: COLUMN.scale + offset }, columns))
    local.set(norm, v128.load({ offset: COLUMN.norm + offset }, columns))
    local.set(error, v128.load({ offset: COLUMN.error + offset }, columns))
  }
}

/**
 * estimate += sums * scale * step, what the int8 numbers say; limit = estimate + |r| |w_j| + |x''| |d_j|.
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
  for (const { scale, estimate, limit } of halves) {
    local.set(limit, f32x4.mul(f32x4.convert_i32x4_s(limit), scale))
    local.set(estimate, madd(limit, ofRow, estimate))
  }
  local.set(ofRow, v128.load32_splat({ offset: bound + BOUND.ofNorm }, row))
  for (const { norm, estimate, limit } of halves) local.set(limit, madd(norm, ofRow, estimate))
  local.set(ofRow, v128.load32_splat({ offset: bound + BOUND.ofError }, row))
  for (const { error, limit } of halves) local.set(limit, madd(error, ofRow, limit))
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

/** The bits of a tile's rows: GROUP a row, the first row's lowest. */
interface Possible {
  readonly all: Local<'i64'>
  readonly shift: Local<'i64'>
}

function clear({ all, shift }: Possible): void {
  for (const word of [all, shift]) local.set(word, i64.const(0n))
}

/** Puts down which columns of the next row are possible: those whose limit is not <= 0. Overwrites the limits. */
function addPossible({ all, shift }: Possible, halves: readonly Half[], bits: I32): void {
  notAtMostZero(halves.map(({ limit }) => limit))
  local.set(bits)
  local.set(all, i64.or(i64.shl(i64.extend_i32_u(bits), shift), all))
  local.set(shift, i64.add(shift, BigInt(GROUP)))
}

/**
 * What the int8 values say of a group's columns for the rows of a tile: leaves which of them may be positive, eight
 * bits a row. Scratch has the rows' sums, and then, in `estimates`, bias + large . w + scale step q . v.
 * `row`: the first row's constants; `columns`: the group's; `weights`: its float32 weights.
 */
export function boundTest({ madd }: Emitter) {
  return func(
    {
      in: i32s('rows row columns weights scratch'),
      locals: { i32: 3, i64: 2, v128: 14 },
      out: 'i64',
    },
    (
      { rows, row, columns, weights, scratch },
      { i32: [large, end, at], i64: [shift, all], v128: [ofRow, w, lowBias, highBias, ...registers] },
    ) => {
      const halves = halvesOf(registers)
      const biases = [lowBias, highBias]
      loadColumns(halves, columns)
      biases.forEach((bias, i) => local.set(bias, v128.load({ offset: COLUMN.bias + HALVES[i] }, columns)))
      clear({ all, shift })
      local.set(rows, i32.add(row, i32.mul(rows, ROW_BYTES)))
      // for each row:
      forUpTo(row, rows, ROW_BYTES, () => {
        halves.forEach(({ estimate }, i) => local.set(estimate, biases[i]))
        // for each of its large numbers: estimate += x[k] * w[k]
        local.set(end, i32.load({ offset: ROW.largeCount }, row))
        when(end, () => {
          local.set(large, i32.load({ offset: ROW.large }, row))
          local.set(end, i32.add(large, i32.mul(end, LARGE_BYTES)))
          whileBelow(large, end, () => {
            local.set(at, i32.add(weights, i32.load({}, large)))
            local.set(ofRow, v128.load32_splat({ offset: 4 }, large))
            for (const { estimate, offset } of halves) {
              local.set(w, v128.load({ offset }, at))
              local.set(estimate, madd(ofRow, w, estimate))
            }
            increment(large, LARGE_BYTES)
          })
        })
        setLimits(halves, row, scratch, ROW.byValues, ofRow, madd)
        for (const { estimate, offset } of halves)
          v128.store({ offset: SCRATCH.estimates + offset }, scratch, estimate)
        addPossible({ all, shift }, halves, at)
        increment(scratch, GROUP_BYTES)
      })
      local.get(all)
    },
  )
}

/** The same for rows of a list, with their residuals: `estimates` are what the int8 values said; `constants`: row 0's. */
export function residualBoundTest({ madd }: Emitter) {
  return func(
    {
      in: i32s('rows list constants columns estimates scratch'),
      locals: { i32: 1, i64: 2, v128: 11 },
      out: 'i64',
    },
    (
      { rows, list, constants, columns, estimates, scratch },
      { i32: [row], i64: [shift, all], v128: [ofRow, ...registers] },
    ) => {
      const halves = halvesOf(registers)
      loadColumns(halves, columns)
      clear({ all, shift })
      local.set(rows, i32.add(list, i32.mul(rows, 4)))
      forUpTo(list, rows, 4, () => {
        local.set(row, i32.add(constants, i32.mul(i32.load({}, list), ROW_BYTES)))
        for (const { estimate, offset } of halves) local.set(estimate, v128.load({ offset }, estimates))
        setLimits(halves, row, scratch, ROW.byResiduals, ofRow, madd)
        addPossible({ all, shift }, halves, row)
        increment(estimates, GROUP_BYTES)
        increment(scratch, GROUP_BYTES)
      })
      local.get(all)
    },
  )
}
