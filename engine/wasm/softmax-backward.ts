import { f32, f32x4, i32, local } from 'wasmati'
import { addToSum, clearSum, forLanes, forRows, totalOf } from './emit.ts'
import { func } from './function.ts'
import { KERNELS } from './kernels.ts'

/** out[i] = y[i] (dY[i] - y . dY) * scale for a range of rows of `width` numbers, y a softmax; the sum is float64. */
export function softmaxBackward() {
  return func(
    { in: KERNELS.softmaxBackward, locals: { i32: 2, v128: 5 } },
    (
      { dY, y, out, width, scale, first, last },
      { i32: [c, bytes], v128: [value, dot, factor, low, high] },
    ) => {
      local.set(bytes, i32.mul(width, 4))
      local.set(factor, f32x4.splat(scale))
      forRows({ first, last, bytes }, [dY, y, out], () => {
        // dot = y . dY
        clearSum({ low, high })
        forLanes(c, bytes, ({ load, clear }) => {
          local.set(value, load(i32.add(y, c)))
          local.set(value, f32x4.mul(value, load(i32.add(dY, c))))
          clear(value)
          addToSum({ low, high }, value)
        })
        local.set(dot, f32x4.splat(f32.demote_f64(totalOf({ low, high }))))
        // out[i] = y[i] (dY[i] - dot) * scale
        forLanes(c, bytes, ({ load, store }) => {
          local.set(value, f32x4.sub(load(i32.add(dY, c)), dot))
          local.set(value, f32x4.mul(value, load(i32.add(y, c))))
          local.set(value, f32x4.mul(value, factor))
          store(i32.add(out, c), value)
        })
      })
    },
  )
}
