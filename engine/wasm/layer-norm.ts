import { f32x4, f64, f64x2, func, i32, i8x16, local, v128 } from 'wasmati'
import { clearSum, forLanes, addToSum, LOWER_HALVES, promoteHigh, totalOf } from './emit.ts'
import type { Emitter } from './kernel.ts'

/**
 * out[i] = (x[i] - mean) / sqrt(variance + eps) * weight[i] + bias[i], one row of `width` numbers.
 * Mean, variance and the normalised number are float64, two lanes at a time; only the last line is float32.
 */
export function layerNorm({ madd }: Emitter) {
  return func(
    {
      in: [i32, i32, i32, i32, i32, f64], // x, out, weight, bias, width, eps
      locals: [i32, i32, f64, v128, v128, v128, v128, v128, v128],
      out: [],
    },
    ([x, out, weight, bias, width, eps], [c, end, count, value, other, mean, scale, low, high]) => {
      const sums = { low, high }
      /** The halves of `value` minus the mean, as float64: into value (lower) and other (upper). */
      const centerHalves = () => {
        local.set(other, f64x2.sub(promoteHigh(value), mean))
        local.set(value, f64x2.sub(f64x2.promote_low_f32x4(value), mean))
      }
      local.set(end, i32.mul(width, 4))
      local.set(count, f64.convert_i32_u(width))
      // mean = sum of x[i] / width
      clearSum(sums)
      forLanes(c, end, ({ load, clear }) => {
        local.set(value, load(i32.add(x, c)))
        clear(value)
        addToSum(sums, value)
      })
      local.set(mean, f64x2.splat(f64.div(totalOf(sums), count)))
      // variance = sum of (x[i] - mean)^2 / width
      clearSum(sums)
      forLanes(c, end, ({ load, clearHalves }) => {
        local.set(value, load(i32.add(x, c)))
        centerHalves()
        clearHalves(value, other)
        local.set(low, f64x2.add(low, f64x2.mul(value, value)))
        local.set(high, f64x2.add(high, f64x2.mul(other, other)))
      })
      // scale = sqrt(variance + eps)
      local.set(scale, f64x2.sqrt(f64x2.splat(f64.add(f64.div(totalOf(sums), count), eps))))
      // out[i] = (x[i] - mean) / scale * weight[i] + bias[i]
      forLanes(c, end, ({ load, store }) => {
        local.set(value, load(i32.add(x, c)))
        centerHalves()
        local.set(value, f32x4.demote_f64x2_zero(f64x2.div(value, scale)))
        local.set(other, f32x4.demote_f64x2_zero(f64x2.div(other, scale)))
        local.set(value, i8x16.shuffle(LOWER_HALVES, value, other))
        local.set(other, load(i32.add(weight, c)))
        local.set(low, load(i32.add(bias, c)))
        local.set(value, madd(value, other, low))
        store(i32.add(out, c), value)
      })
    },
  )
}
