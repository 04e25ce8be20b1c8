import { f32, f32x4, f64, i32, local } from 'wasmati'
import { addToSum, clearSum, forLanes, forRows, totalOf } from './emit.ts'
import { func } from './function.ts'
import { KERNELS } from './kernels.ts'

/** out[i] = x[i] - mean(x) for a range of rows of `width` numbers; the mean is summed in float64. */
export function center() {
  return func(
    { in: KERNELS.center, locals: { i32: 2, v128: 4 } },
    ({ x, out, width, first, last }, { i32: [c, bytes], v128: [value, mean, low, high] }) => {
      local.set(bytes, i32.mul(width, 4))
      forRows({ first, last, bytes }, [x, out], () => {
        // sum += x[i]
        clearSum({ low, high })
        forLanes(c, bytes, ({ load, clear }) => {
          local.set(value, load(i32.add(x, c)))
          clear(value)
          addToSum({ low, high }, value)
        })
        // out[i] = x[i] - sum / width
        local.set(
          mean,
          f32x4.splat(f32.demote_f64(f64.div(totalOf({ low, high }), f64.convert_i32_u(width)))),
        )
        forLanes(c, bytes, ({ load, store }) => {
          local.set(value, f32x4.sub(load(i32.add(x, c)), mean))
          store(i32.add(out, c), value)
        })
      })
    },
  )
}
