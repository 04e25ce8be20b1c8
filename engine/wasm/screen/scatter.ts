// The kernels that put the screen's entries in order, row by row.
import { i32, local, type StackVar } from 'wasmati'
import { forUpTo, when, type I32 } from '../emit.ts'
import { func } from '../function.ts'
import { KERNELS } from '../kernels.ts'
import { ENTRY_BYTES, ENTRY_ROW_BITS, NOWHERE } from './layout.ts'

/** counts[row] += 1 for each entry from the address at `start` to the one at `end`. */
export function countEntries() {
  return func({ in: KERNELS.countEntries, locals: { i32: 1 } }, ({ start, end, counts }, { i32: [at] }) => {
    for (const place of [start, end]) local.set(place, i32.load({}, place))
    forUpTo(start, end, ENTRY_BYTES, () => {
      local.set(at, i32.add(counts, i32.mul(rowOf(start), 4)))
      i32.store({}, at, i32.add(i32.load({}, at), 1))
    })
  })
}

function rowOf(entry: I32): StackVar<'i32'> {
  return i32.and(i32.load({}, entry), 2 ** ENTRY_ROW_BITS - 1)
}

/**
 * Puts entries (row and feature, value) behind each other row by row: a row's next one goes to place next[row], which moves on.
 * Entries lie from the address at `start` to the one at `end`.
 */
export function scatter() {
  return func(
    { in: KERNELS.scatter, locals: { i32: 3 } },
    ({ start, end, next, indices, values }, { i32: [word, at, place] }) => {
      for (const place of [start, end]) local.set(place, i32.load({}, place))
      forUpTo(start, end, ENTRY_BYTES, () => {
        local.set(word, i32.load({}, start))
        local.set(at, i32.add(next, i32.mul(rowOf(start), 4)))
        local.set(place, i32.load({}, at))
        when(i32.ne(place, NOWHERE), () => {
          i32.store({}, at, i32.add(place, 1))
          local.set(place, i32.mul(place, 4))
          i32.store({}, i32.add(indices, place), i32.shr_u(word, ENTRY_ROW_BITS))
          i32.store({}, i32.add(values, place), i32.load({ offset: 4 }, start))
        })
      })
    },
  )
}
