import { f32x4, i32, local } from 'wasmati'
import { forLanes, increment } from './emit.ts'
import { func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { KERNELS } from './kernels.ts'
import { emitGeluSlope } from './math.ts'

/** out[i] = dY[i] gelu'(x[i]) for a range of numbers. */
export function geluBackward({ madd }: Emitter) {
  return func(
    { in: KERNELS.geluBackward, locals: { i32: 2, v128: 5 } },
    ({ dY, x, out, first, last }, { i32: [c, bytes], v128: [value, exponent, n, r, sum] }) => {
      for (const at of [dY, x, out]) increment(at, i32.mul(first, 4))
      local.set(bytes, i32.mul(i32.sub(last, first), 4))
      forLanes(c, bytes, ({ load, store }) => {
        local.set(value, load(i32.add(x, c)))
        emitGeluSlope(value, exponent, { n, r, sum }, madd)
        local.set(value, f32x4.mul(value, load(i32.add(dY, c))))
        store(i32.add(out, c), value)
      })
    },
  )
}
