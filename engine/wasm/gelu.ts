import { func, i32, local, v128 } from 'wasmati'
import { forLanes } from './emit.ts'
import type { Emitter } from './kernel.ts'
import { emitGelu } from './math.ts'

/** out[i] = gelu(x[i]) for `bytes` / 4 numbers. */
export function gelu({ madd }: Emitter) {
  return func(
    { in: [i32, i32, i32], locals: [i32, v128, v128, v128, v128, v128], out: [] },
    ([x, out, bytes], [c, value, exponent, n, r, sum]) => {
      forLanes(c, bytes, ({ load, store }) => {
        local.set(value, load(i32.add(x, c)))
        emitGelu(value, exponent, { n, r, sum }, madd)
        store(i32.add(out, c), value)
      })
    },
  )
}
