import { call, f32, f32x4, func, i32, i32x4, local, v128 } from 'wasmati'
import { forUpTo, increment, limitTo, splat, when, whileBelow, type V128 } from '../emit.ts'
import { COLUMN_MOST, LANE_MOST, LEAST, MOST } from './bound.ts'
import { COLUMN, GROUP, STEP } from './layout.ts'

/** Where in every four numbers of a column those begin that go into one 16-bit sum; each has two. */
const LANES = [0, 2] as const

/**
 * scale[4] = what four columns are to be divided by, so that their whole numbers are at most COLUMN_MOST, and so that those of
 * one sign which a step of digits adds up in 16 bits (int8-tile.ts) are at most LANE_MOST together.
 */
function columnScales() {
  return func(
    {
      in: [i32, i32, i32, i32], // w [K], a vector every `stride` bytes, stride, K, scale
      locals: [i32, i32, i32, i32, v128, v128, v128, v128, v128],
      out: [],
    },
    ([w, stride, K, scale], [step, end, k, at, largest, lane, sum, sizes, x]) => {
      for (const most of [largest, lane]) local.set(most, splat(0))
      // for each step, for each lane of it:
      local.set(step, i32.const(0))
      forUpTo(step, K, STEP, () => {
        local.set(end, i32.add(step, STEP))
        limitTo(end, K)
        for (const start of LANES) {
          for (const total of [sum, sizes]) local.set(total, splat(0))
          local.set(k, i32.add(step, start))
          whileBelow(k, end, () => {
            for (const next of [0, 1]) {
              when(i32.lt_u(k, end), () => {
                local.set(at, i32.add(w, i32.mul(k, stride)))
                local.set(x, v128.load({}, at))
                local.set(sum, f32x4.add(x, sum))
                local.set(x, f32x4.abs(x))
                local.set(sizes, f32x4.add(x, sizes))
                local.set(largest, f32x4.max(largest, x))
              })
              increment(k, next === 0 ? 1 : 3)
            }
          })
          // the numbers of the sign that adds up to more: (sum |w| + |sum w|) / 2
          local.set(sizes, f32x4.add(f32x4.abs(sum), sizes))
          local.set(lane, f32x4.max(lane, sizes))
        }
      })
      // each of a lane's STEP / 2 numbers may be rounded up by a half, if it is of that sign
      local.set(largest, f32x4.mul(largest, splat(1 / COLUMN_MOST)))
      local.set(lane, f32x4.mul(lane, splat(0.5 / (LANE_MOST - STEP / 4))))
      v128.store({}, scale, f32x4.max(largest, lane))
    },
  )
}

/**
 * Makes four columns w_j = scale v_j + d_j, and rounds what bounds them up. Columns of NaN, infinity or numbers outside
 * of LEAST and MOST become zeros with a bias of infinity, which no screen drops.
 * Sums are float32, of numbers scaled to at most COLUMN_MOST: their roundings are less than the factor `slack`.
 */
export function screenColumns() {
  const scales = columnScales()
  return func(
    {
      // w [K], a vector every `stride` bytes, stride, K, bias, v [padded K / 4][GROUP][4], padded K, constants, slack
      in: [i32, i32, i32, i32, i32, i32, i32, f32],
      locals: [i32, i32, ...Array.from({ length: 11 }, () => v128)],
      out: [],
    },
    (
      [w, stride, K, bias, out, padded, constants, slack],
      [k, shift, scale, perScale, ok, x, v, bytes, total, squares, residuals, extra, empty],
    ) => {
      const store = (offset: number, value: V128) => v128.store({ offset }, constants, value)
      call(scales, [w, stride, K, i32.add(constants, COLUMN.scale)])
      local.set(scale, v128.load({ offset: COLUMN.scale }, constants))
      // ok: columns that can be screened; empty: columns of zeros
      local.set(ok, f32x4.ge(scale, splat(LEAST)))
      local.set(x, f32x4.le(scale, splat(MOST)))
      local.set(ok, v128.and(ok, x))
      local.set(empty, f32x4.eq(scale, splat(0)))
      local.set(x, splat(1))
      local.set(perScale, f32x4.div(x, scale))
      for (const factor of [scale, perScale]) local.set(factor, v128.and(factor, ok))
      for (const sum of [bytes, total, squares, residuals]) local.set(sum, splat(0))
      // for each k: v = the whole number nearest to w / scale, and what it leaves over; zeros from K on
      local.set(k, i32.const(0))
      whileBelow(k, padded, () => {
        when(i32.lt_u(k, K), () => {
          local.set(x, f32x4.mul(v128.load({}, w), perScale))
          local.set(squares, f32x4.add(f32x4.mul(x, x), squares))
          local.set(v, f32x4.nearest(x))
          local.set(x, f32x4.mul(v, scale))
          local.set(x, f32x4.sub(v128.load({}, w), x))
          local.set(x, f32x4.mul(x, perScale))
          local.set(residuals, f32x4.add(f32x4.mul(x, x), residuals))
          local.set(v, i32x4.trunc_sat_f32x4_s(v))
          local.set(total, i32x4.add(total, v))
          // four k are the four bytes of a word
          local.set(shift, i32.mul(i32.and(k, 3), 8))
          local.set(v, v128.and(v, v128.const('i32x4', [255, 255, 255, 255])))
          local.set(v, i32x4.shl(v, shift))
          local.set(bytes, v128.or(bytes, v))
          increment(w, stride)
        })
        increment(k, 1)
        i32.and(k, 3)
        when(i32.eqz(), () => {
          v128.store({}, out, bytes)
          local.set(bytes, splat(0))
          increment(out, GROUP * 4)
        })
      })
      const roundedUpNorm = (sum: V128) => {
        local.set(sum, f32x4.mul(f32x4.sqrt(sum), scale))
        local.set(sum, f32x4.mul(sum, f32x4.splat(slack)))
        local.set(sum, v128.and(sum, ok)) // NaN where the column is not screened
      }
      roundedUpNorm(squares)
      roundedUpNorm(residuals)
      // bias, or infinity
      local.set(ok, v128.or(ok, empty))
      local.set(extra, splat(Infinity))
      local.set(x, v128.bitselect(v128.load({}, bias), extra, ok))
      store(COLUMN.scale, scale)
      store(COLUMN.bias, x)
      store(COLUMN.norm, squares)
      store(COLUMN.residual, residuals)
      // 0 - DIGIT_OFFSET * total
      local.set(total, i32x4.neg(i32x4.shl(total, 6)))
      store(COLUMN.start, total)
    },
  )
}
