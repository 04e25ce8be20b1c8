import { f32x4, i32, local, type StackVar } from 'wasmati'
import { forLanes, forRows, increment, type V128 } from './emit.ts'
import { func } from './function.ts'
import { KERNELS } from './kernels.ts'

/** out[r] = a[r] + b[r] for a range of rows of `width` numbers; b's rows are bStride bytes apart: 0 where one serves all. */
export const add = () => elementwise((a, b) => f32x4.add(a, b))

/** out[r] = a[r] - b[r], likewise. */
export const subtract = () => elementwise((a, b) => f32x4.sub(a, b))

function elementwise(combine: (a: V128, b: V128) => StackVar<'v128'>) {
  return func(
    { in: KERNELS.add, locals: { i32: 2, v128: 2 } },
    ({ a, b, out, width, bStride, first, last }, { i32: [c, bytes], v128: [x, y] }) => {
      local.set(bytes, i32.mul(width, 4))
      increment(b, i32.mul(first, bStride))
      forRows({ first, last, bytes }, [a, out], () => {
        forLanes(c, bytes, ({ load, store }) => {
          local.set(x, load(i32.add(a, c)))
          local.set(y, load(i32.add(b, c)))
          local.set(x, combine(x, y))
          store(i32.add(out, c), x)
        })
        increment(b, bStride)
      })
    },
  )
}
