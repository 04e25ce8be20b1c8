import { i32, local } from 'wasmati'
import { forLanes, increment } from './emit.ts'
import { func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { KERNELS } from './kernels.ts'
import { emitGeluErf } from './math.ts'

/** out[i] = geluErf(x[i]) for a range of numbers. */
export function geluErf({ madd }: Emitter) {
  return func(
    { in: KERNELS.geluErf, locals: { i32: 2, v128: 6 } },
    ({ x, out, first, last }, { i32: [c, bytes], v128: [value, exponent, t, n, r, sum] }) => {
      for (const at of [x, out]) increment(at, i32.mul(first, 4))
      local.set(bytes, i32.mul(i32.sub(last, first), 4))
      forLanes(c, bytes, ({ load, store }) => {
        local.set(value, load(i32.add(x, c)))
        emitGeluErf(value, exponent, t, { n, r, sum }, madd)
        store(i32.add(out, c), value)
      })
    },
  )
}
