import { f32, i32, local } from 'wasmati'
import { forLanes, forUpTo, increment, when } from './emit.ts'
import { func } from './function.ts'
import { KERNELS } from './kernels.ts'

/** to[r][c] = from[r][c] for `rows` x `columns` numbers: those of `from` at any strides, those of `to` side by side in a row. */
export function copyStrided() {
  return func(
    { in: KERNELS.copyStrided, locals: { i32: 4, v128: 1 } },
    (
      { from, rowStride, columnStride, to, toStride, rows, columns },
      { i32: [r, c, at, bytes], v128: [value] },
    ) => {
      local.set(bytes, i32.mul(columns, 4))
      local.set(r, i32.const(0))
      forUpTo(r, rows, 1, () => {
        when(
          i32.eq(columnStride, 4),
          () =>
            forLanes(c, bytes, ({ load, store }) => {
              local.set(value, load(i32.add(from, c)))
              store(i32.add(to, c), value)
            }),
          () => {
            local.set(at, from)
            local.set(c, i32.const(0))
            forUpTo(c, bytes, 4, () => {
              f32.store({}, i32.add(to, c), f32.load({}, at))
              increment(at, columnStride)
            })
          },
        )
        increment(from, rowStride)
        increment(to, toStride)
      })
    },
  )
}
