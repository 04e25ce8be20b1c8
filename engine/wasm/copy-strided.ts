import { f32, i32, i8x16, local, v128 } from 'wasmati'
import { forLanes, forUpTo, increment, whileBelow, when, type V128 } from './emit.ts'
import { call, func } from './function.ts'
import { i32s, KERNELS } from './kernels.ts'

/** to[r][c] = from[r][c] for `rows` x `columns` numbers: those of `from` at any strides, those of `to` side by side in a row. */
export function copyStrided() {
  const turned = copyTurned()
  return func(
    { in: KERNELS.copyStrided, locals: { i32: 4, v128: 1 } },
    (
      { from, rowStride, columnStride, to, toStride, rows, columns },
      { i32: [r, c, at, bytes], v128: [value] },
    ) => {
      local.set(bytes, i32.mul(columns, 4))
      when(i32.eq(rowStride, 4), () => {
        call(turned, { from, columnStride, to, toStride, rows, bytes })
        local.set(rows, i32.const(0))
      })
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

/** The same where each column of `from` lies side by side: four columns at a time, down all rows, so that it is read in order. */
function copyTurned() {
  return func(
    { in: i32s('from columnStride to toStride rows bytes'), locals: { i32: 6, v128: 8 } },
    (
      { from, columnStride, to, toStride, rows, bytes },
      { i32: [r, c, at, into, whole, fours], v128: vectors },
    ) => {
      const [columns, pairs] = [vectors.slice(0, 4), vectors.slice(4)]
      /** for r from what it holds, up to rows: one number of each of `count` columns */
      const singleRows = (count: number) =>
        forUpTo(r, rows, 1, () => {
          for (let i = 0; i < count; i++)
            f32.store({ offset: 4 * i }, into, f32.load({}, i32.add(at, i32.mul(columnStride, i))))
          increment(at, 4)
          increment(into, toStride)
        })
      const begin = () => {
        local.set(r, i32.const(0))
        local.set(at, from)
        local.set(into, i32.add(to, c))
      }
      local.set(whole, i32.and(rows, -4))
      local.set(fours, i32.and(bytes, -16))
      local.set(c, i32.const(0))
      whileBelow(c, fours, () => {
        begin()
        forUpTo(r, whole, 4, () => {
          for (const [i, column] of columns.entries())
            local.set(column, v128.load({}, i32.add(at, i32.mul(columnStride, i))))
          turnFour(columns, pairs)
          for (const row of columns) {
            v128.store({}, into, row)
            increment(into, toStride)
          }
          increment(at, 16)
        })
        singleRows(4)
        increment(from, i32.mul(columnStride, 4))
        increment(c, 16)
      })
      forUpTo(c, bytes, 4, () => {
        begin()
        singleRows(1)
        increment(from, columnStride)
      })
    },
  )
}

/** Four columns of four numbers become four rows, in place. */
function turnFour([a, b, c, d]: readonly V128[], [ab, cd, AB, CD]: readonly V128[]): void {
  const lanes = (...order: number[]) => order.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte))
  local.set(ab, i8x16.shuffle(lanes(0, 4, 1, 5), a, b)) // a0 b0 a1 b1
  local.set(cd, i8x16.shuffle(lanes(0, 4, 1, 5), c, d))
  local.set(AB, i8x16.shuffle(lanes(2, 6, 3, 7), a, b)) // a2 b2 a3 b3
  local.set(CD, i8x16.shuffle(lanes(2, 6, 3, 7), c, d))
  local.set(a, i8x16.shuffle(lanes(0, 1, 4, 5), ab, cd)) // a0 b0 c0 d0
  local.set(b, i8x16.shuffle(lanes(2, 3, 6, 7), ab, cd))
  local.set(c, i8x16.shuffle(lanes(0, 1, 4, 5), AB, CD))
  local.set(d, i8x16.shuffle(lanes(2, 3, 6, 7), AB, CD))
}
