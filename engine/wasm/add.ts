import { f32x4, func, i32, local, v128, type StackVar } from 'wasmati'
import { forLanes, type V128 } from './emit.ts'

/** out[i] = a[i] + b[i] for `bytes` / 4 numbers. */
export const add = () => elementwise((a, b) => f32x4.add(a, b))

/** out[i] = a[i] - b[i] for `bytes` / 4 numbers. */
export const subtract = () => elementwise((a, b) => f32x4.sub(a, b))

function elementwise(combine: (a: V128, b: V128) => StackVar<'v128'>) {
  return func(
    { in: [i32, i32, i32, i32], locals: [i32, v128, v128], out: [] },
    ([a, b, out, bytes], [c, x, y]) => {
      forLanes(c, bytes, ({ load, store }) => {
        local.set(x, load(i32.add(a, c)))
        local.set(y, load(i32.add(b, c)))
        local.set(x, combine(x, y))
        store(i32.add(out, c), x)
      })
    },
  )
}
