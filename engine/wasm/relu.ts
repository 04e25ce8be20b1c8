import { f32x4, i32, local } from 'wasmati'
import { forLanes, increment, splat } from './emit.ts'
import { func } from './function.ts'
import { KERNELS } from './kernels.ts'

/** out[i] = max(x[i], 0) for a range of numbers; NaN stays. */
export function relu() {
  return func(
    { in: KERNELS.relu, locals: { i32: 2, v128: 1 } },
    ({ x, out, first, last }, { i32: [c, bytes], v128: [value] }) => {
      for (const at of [x, out]) increment(at, i32.mul(first, 4))
      local.set(bytes, i32.mul(i32.sub(last, first), 4))
      forLanes(c, bytes, ({ load, store }) => {
        local.set(value, f32x4.max(load(i32.add(x, c)), splat(0)))
        store(i32.add(out, c), value)
      })
    },
  )
}
