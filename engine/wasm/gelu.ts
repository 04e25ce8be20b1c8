import { i32, local } from 'wasmati'
import { forLanes, increment } from './emit.ts'
import { func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { KERNELS } from './kernels.ts'
import { emitGelu } from './math.ts'

/** out[i] = gelu(x[i]) for a range of numbers. */
export function gelu({ madd }: Emitter) {
  return func(
    { in: KERNELS.gelu, locals: { i32: 2, v128: 5 } },
    ({ x, out, first, last }, { i32: [c, bytes], v128: [value, exponent, n, r, sum] }) => {
      for (const at of [x, out]) increment(at, i32.mul(first, 4))
      local.set(bytes, i32.mul(i32.sub(last, first), 4))
      forLanes(c, bytes, ({ load, store }) => {
        local.set(value, load(i32.add(x, c)))
        emitGelu(value, exponent, { n, r, sum }, madd)
        store(i32.add(out, c), value)
      })
    },
  )
}
