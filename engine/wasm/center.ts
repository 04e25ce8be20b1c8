import { f32, f32x4, f64, func, i32, local, v128 } from 'wasmati'
import { addToSum, clearSum, forLanes, totalOf } from './emit.ts'

/** out[i] = x[i] - mean(x), one row of `width` numbers; the mean is summed in float64. */
export function center() {
  return func(
    { in: [i32, i32, i32], locals: [i32, i32, v128, v128, v128, v128], out: [] },
    ([x, out, width], [c, end, value, mean, low, high]) => {
      local.set(end, i32.mul(width, 4))
      // sum += x[i]
      clearSum({ low, high })
      forLanes(c, end, ({ load, clear }) => {
        local.set(value, load(i32.add(x, c)))
        clear(value)
        addToSum({ low, high }, value)
      })
      // out[i] = x[i] - sum / width
      local.set(mean, f32x4.splat(f32.demote_f64(f64.div(totalOf({ low, high }), f64.convert_i32_u(width)))))
      forLanes(c, end, ({ load, store }) => {
        local.set(value, f32x4.sub(load(i32.add(x, c)), mean))
        store(i32.add(out, c), value)
      })
    },
  )
}
