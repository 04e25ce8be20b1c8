import { f32x4, f64, f64x2, i32, i8x16, local } from 'wasmati'
import { addToSum, clearSum, forLanes, forUpTo, increment, LOWER_HALVES } from './emit.ts'
import { func } from './function.ts'
import { KERNELS } from './kernels.ts'

/** out[i] = the mean of x[r][i] over `rows` rows of `width` numbers, summed in float64. */
export function meanRows() {
  return func(
    { in: KERNELS.meanRows, locals: { i32: 4, v128: 4 } },
    ({ x, out, rows, width }, { i32: [c, end, r, at], v128: [value, count, low, high] }) => {
      local.set(end, i32.mul(width, 4))
      local.set(count, f64x2.splat(f64.convert_i32_u(rows)))
      // for each four columns: sum over rows, divided
      forLanes(c, end, ({ load, store }) => {
        clearSum({ low, high })
        local.set(at, i32.add(x, c))
        local.set(r, i32.const(0))
        forUpTo(r, rows, 1, () => {
          local.set(value, load(at))
          addToSum({ low, high }, value)
          increment(at, end)
        })
        local.set(low, f32x4.demote_f64x2_zero(f64x2.div(low, count)))
        local.set(high, f32x4.demote_f64x2_zero(f64x2.div(high, count)))
        local.set(value, i8x16.shuffle(LOWER_HALVES, low, high))
        store(i32.add(out, c), value)
      })
    },
  )
}
