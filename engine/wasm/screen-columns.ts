import { f32, f32x4, func, i32, i32x4, local, v128 } from 'wasmati'
import { increment, splat, when, whileBelow, type V128 } from './emit.ts'
import { LEAST, MOST } from './screen-bound.ts'
import { COLUMN, GROUP } from './screen-plan.ts'

/**
 * Makes four columns w_j = scale v_j + d_j, and rounds what bounds them up. Columns of NaN, infinity or numbers outside
 * of LEAST and MOST become zeros with a bias of infinity, which no screen drops.
 * Sums are float32, of numbers scaled to at most 127: their roundings are less than the factor `slack`.
 */
export function screenColumns() {
  return func(
    {
      // w [K], a vector every `stride` bytes, stride, K, bias, v [K / 4][GROUP][4], constants,
      // share of the bias in the bound, slack
      in: [i32, i32, i32, i32, i32, i32, f32, f32],
      locals: [i32, i32, i32, ...Array.from({ length: 12 }, () => v128)],
      out: [],
    },
    (
      [w, stride, K, bias, out, constants, biasShare, slack],
      [k, at, shift, largest, scale, perScale, ok, x, v, bytes, total, squares, residuals, extra, empty],
    ) => {
      // largest = max |w|
      local.set(largest, splat(0))
      local.set(at, w)
      local.set(k, i32.const(0))
      whileBelow(k, K, () => {
        local.set(x, f32x4.abs(v128.load({}, at)))
        local.set(largest, f32x4.max(largest, x))
        increment(at, stride)
        increment(k, 1)
      })
      // ok: columns that can be screened; empty: columns of zeros
      local.set(ok, f32x4.ge(largest, splat(LEAST)))
      local.set(x, f32x4.le(largest, splat(MOST)))
      local.set(ok, v128.and(ok, x))
      local.set(empty, f32x4.eq(largest, splat(0)))
      local.set(x, splat(127))
      local.set(scale, f32x4.div(largest, x))
      local.set(perScale, f32x4.div(x, largest))
      for (const factor of [scale, perScale]) local.set(factor, v128.and(factor, ok))
      for (const sum of [bytes, total, squares, residuals]) local.set(sum, splat(0))
      // for each k: v = the whole number nearest to w / scale, and what it leaves over
      local.set(at, w)
      local.set(k, i32.const(0))
      whileBelow(k, K, () => {
        local.set(x, f32x4.mul(v128.load({}, at), perScale))
        local.set(squares, f32x4.add(f32x4.mul(x, x), squares))
        local.set(v, f32x4.nearest(x))
        local.set(x, f32x4.mul(v, scale))
        local.set(x, f32x4.sub(v128.load({}, at), x))
        local.set(x, f32x4.mul(x, perScale))
        local.set(residuals, f32x4.add(f32x4.mul(x, x), residuals))
        local.set(v, i32x4.trunc_sat_f32x4_s(v))
        local.set(total, i32x4.add(total, v))
        // four k are the four bytes of a word
        local.set(shift, i32.and(k, 3))
        local.set(v, v128.and(v, v128.const('i32x4', [255, 255, 255, 255])))
        local.set(v, i32x4.shl(v, i32.mul(shift, 8)))
        local.set(bytes, v128.or(bytes, v))
        increment(k, 1)
        increment(at, stride)
        local.set(shift, i32.eq(shift, 3))
        when(i32.or(i32.eq(k, K), shift), () => {
          v128.store({}, out, bytes)
          local.set(bytes, splat(0))
          increment(out, GROUP * 4)
        })
      })
      const store = (offset: number, value: V128) => v128.store({ offset }, constants, value)
      const roundedUpNorm = (sum: V128) => {
        local.set(sum, f32x4.mul(f32x4.sqrt(sum), scale))
        local.set(sum, f32x4.mul(sum, f32x4.splat(slack)))
        local.set(sum, v128.and(sum, ok)) // NaN where the column is not screened
      }
      roundedUpNorm(squares)
      roundedUpNorm(residuals)
      // bias + |bias| * biasShare, or infinity
      local.set(x, v128.load({}, bias))
      local.set(extra, f32x4.mul(f32x4.abs(x), f32x4.splat(biasShare)))
      local.set(x, f32x4.add(x, extra))
      local.set(ok, v128.or(ok, empty))
      local.set(extra, splat(Infinity))
      local.set(x, v128.bitselect(x, extra, ok))
      store(COLUMN.scale, scale)
      store(COLUMN.bias, x)
      store(COLUMN.norm, squares)
      store(COLUMN.residual, residuals)
      local.set(total, i32x4.shl(total, 6)) // times DIGIT_OFFSET
      store(COLUMN.offset, total)
    },
  )
}
