import { i32, local } from 'wasmati'
import { forLanes, increment } from './emit.ts'
import { func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { KERNELS } from './kernels.ts'
import { emitGelu } from './math.ts'

/** out[i] = gelu(x[i]) for a range of numbers; within 3e-7 (1 + |x|) of the formula in float64. */
export function gelu({ madd }: Emitter) {
  return func(
    { in: KERNELS.gelu, locals: { i32: 4, v128: 8 } },
    ({ x, out, first, last }, { i32: [c, bytes, from, to], v128: [exponent, n, r, sum, ...values] }) => {
      for (const at of [x, out]) increment(at, i32.mul(first, 4))
      local.set(bytes, i32.mul(i32.sub(last, first), 4))
      forLanes(
        c,
        bytes,
        ({ load, store }, vectors) => {
          const used = values.slice(0, vectors)
          local.set(from, i32.add(x, c))
          local.set(to, i32.add(out, c))
          used.forEach((value, i) => local.set(value, load(from, i * 16)))
          for (const value of used) emitGelu(value, exponent, { n, r, sum }, madd)
          used.forEach((value, i) => store(to, value, i * 16)) // side by side: V8 pairs them
        },
        values.length,
      )
    },
  )
}
