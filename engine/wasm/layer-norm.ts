import { f32x4, f64, f64x2, i32, i8x16, local, type Local } from 'wasmati'
import {
  addToSum,
  clearSum,
  forLanes,
  forRows,
  LOWER_HALVES,
  promoteHigh,
  totalOf,
  type I32,
  type V128,
} from './emit.ts'
import { func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { KERNELS } from './kernels.ts'

/** A row at x, what its mean and scale are put into, and what they are found with; count: its numbers. */
export interface RowMoments {
  readonly x: I32
  readonly eps: Local<'f64'>
  readonly c: I32
  readonly bytes: I32
  readonly count: Local<'f64'>
  readonly value: V128
  readonly other: V128
  readonly mean: V128
  readonly scale: V128
  readonly low: V128
  readonly high: V128
}

/** The halves of `value` minus the mean, as float64: into value (lower) and other (upper). */
export function centerHalves({ value, other, mean }: Pick<RowMoments, 'value' | 'other' | 'mean'>): void {
  local.set(other, f64x2.sub(promoteHigh(value), mean))
  local.set(value, f64x2.sub(f64x2.promote_low_f32x4(value), mean))
}

/** mean = sum of x[i] / width; scale = sqrt(variance + eps), the variance sum of (x[i] - mean)^2 / width: both in two lanes. */
export function emitMoments(row: RowMoments): void {
  const { x, eps, c, bytes, count, value, other, mean, scale, low, high } = row
  const sums = { low, high }
  clearSum(sums)
  forLanes(c, bytes, ({ load, clear }) => {
    local.set(value, load(i32.add(x, c)))
    clear(value)
    addToSum(sums, value)
  })
  local.set(mean, f64x2.splat(f64.div(totalOf(sums), count)))
  clearSum(sums)
  forLanes(c, bytes, ({ load, clearHalves }) => {
    local.set(value, load(i32.add(x, c)))
    centerHalves(row)
    clearHalves(value, other)
    local.set(low, f64x2.add(low, f64x2.mul(value, value)))
    local.set(high, f64x2.add(high, f64x2.mul(other, other)))
  })
  local.set(scale, f64x2.sqrt(f64x2.splat(f64.add(f64.div(totalOf(sums), count), eps))))
}

/**
 * out[i] = (x[i] - mean) / sqrt(variance + eps) * weight[i] + bias[i] for a range of rows of `width` numbers.
 * Mean, variance and the normalised number are float64, two lanes at a time; only the last line is float32.
 */
export function layerNorm({ madd }: Emitter) {
  return func(
    { in: KERNELS.layerNorm, locals: { i32: 2, f64: 1, v128: 6 } },
    (
      { x, out, weight, bias, width, eps, first, last },
      { i32: [c, bytes], f64: [count], v128: [value, other, mean, scale, low, high] },
    ) => {
      const row = { x, eps, c, bytes, count, value, other, mean, scale, low, high }
      local.set(bytes, i32.mul(width, 4))
      local.set(count, f64.convert_i32_u(width))
      forRows({ first, last, bytes }, [x, out], () => {
        emitMoments(row)
        // out[i] = (x[i] - mean) / scale * weight[i] + bias[i]
        forLanes(c, bytes, ({ load, store }) => {
          local.set(value, load(i32.add(x, c)))
          centerHalves(row)
          local.set(value, f32x4.demote_f64x2_zero(f64x2.div(value, scale)))
          local.set(other, f32x4.demote_f64x2_zero(f64x2.div(other, scale)))
          local.set(value, i8x16.shuffle(LOWER_HALVES, value, other))
          local.set(other, load(i32.add(weight, c)))
          local.set(low, load(i32.add(bias, c)))
          local.set(value, madd(value, other, low))
          store(i32.add(out, c), value)
        })
      })
    },
  )
}
