// How the screen keeps the few rows that have a possible column in a group of columns.
import { i32, i64, local, type Local } from 'wasmati'
import { doWhile, when, type I32 } from '../emit.ts'
import { INT8_ROWS, GROUP, TALLY_BYTES } from './layout.ts'

export interface Hits {
  /** What a bound test left: eight bits a row of a tile. */
  readonly hits: Local<'i64'>
  readonly shift: Local<'i64'>
  /** A row's number in the tile, and its columns. */
  readonly row: I32
  readonly bits: I32
}

/** for each row of a tile that has a possible column: body */
export function forHits({ hits, shift, row, bits }: Hits, body: () => void): void {
  when(i64.ne(hits, 0n), () =>
    doWhile(() => {
      local.set(shift, i64.and(i64.ctz(hits), BigInt(-GROUP)))
      local.set(row, i32.wrap_i64(i64.shr_u(shift, 3n)))
      local.set(bits, i32.and(i32.wrap_i64(i64.shr_u(hits, shift)), 255))
      local.set(hits, i64.xor(i64.shl(i64.extend_i32_u(bits), shift), hits))
      body()
      return i64.ne(hits, 0n)
    }),
  )
}

/** tally = a row's own */
export function setTally(tally: I32, tallies: I32, row: I32): I32 {
  local.set(tally, i32.add(tallies, i32.mul(row, TALLY_BYTES)))
  return tally
}

/** list[count] and the places behind it, up to a whole tile, = the last entry */
export function fillList(list: I32, count: I32, at: I32): void {
  local.set(at, i32.add(list, i32.mul(count, 4)))
  for (let r = 0; r < INT8_ROWS - 1; r++) i32.store({ offset: r * 4 }, at, i32.load({}, i32.sub(at, 4)))
}

/** at[offset] += the bits that are set */
export function addCount(at: I32, offset: number, bits: I32): void {
  i32.store({ offset }, at, i32.add(i32.load({ offset }, at), i32.popcnt(bits)))
}
