// What an encoder's selection keeps of dense rows: lists of entries are made where the rows lie.
import { i32, i32x4, local, f32x4, v128 } from 'wasmati'
import {
  doWhile,
  forLanes,
  forRows,
  forUpTo,
  increment,
  splat,
  when,
  whileBelow,
  type I32,
  type V128,
} from './emit.ts'
import { call, func } from './function.ts'
import { i32s, KERNELS } from './kernels.ts'

/**
 * For a range of rows of x [rows, outputs]: the numbers that are kept move to their row's beginning, in order, their columns
 * to `indices` [rows, outputs], and how many they are to `counts` [rows]. `floors` is [outputs], none below 0. `k` 0: all
 * that are above their floor, else the k largest of them.
 */
export function select() {
  const [ofAbove, ofLargest] = [keepAbove(), keepLargest()]
  return func(
    { in: KERNELS.select, locals: { i32: 2 } },
    ({ x, outputs, floors, k, indices, counts, first, last }, { i32: [bytes, kept] }) => {
      local.set(bytes, i32.mul(outputs, 4))
      forRows({ first, last, bytes }, [x, indices], () => {
        local.set(kept, call(ofAbove, { x, bytes, floors, indices }))
        when(i32.lt_u(k, kept), () =>
          when(k, () => {
            call(ofLargest, { x, count: kept, k, indices })
            local.set(kept, k)
          }),
        )
        i32.store({}, i32.add(counts, i32.mul(first, 4)), kept)
      })
    },
  )
}

/** Keeps what is not at most its floor: NaN too. Leaves how many these are. */
function keepAbove() {
  return func(
    { in: i32s('x bytes floors indices'), locals: { i32: 4, v128: 2 }, out: 'i32' },
    ({ x, bytes, floors, indices }, { i32: [c, lanes, from, to], v128: [value, floor] }) => {
      local.set(to, i32.const(0))
      // for each four numbers, then each of the last ones
      forLanes(c, bytes, ({ load, clear }) => {
        local.set(value, load(i32.add(x, c)))
        clear(value)
        local.set(floor, load(i32.add(floors, c)))
        local.set(lanes, i32.xor(i32x4.bitmask(f32x4.le(value, floor)), 15))
        // for each lane whose bit is set
        when(lanes, () =>
          doWhile(() => {
            local.set(from, i32.add(c, i32.mul(i32.ctz(lanes), 4)))
            i32.store({}, i32.add(indices, to), i32.shr_u(from, 2))
            move(x, from, to)
            increment(to, 4)
            local.set(lanes, i32.and(lanes, i32.sub(lanes, 1)))
            return i32.ne(lanes, 0)
          }),
        )
      })
      i32.shr_u(to, 2)
    },
  )
}

/** The same of lists of entries, already above their floors: those of row r stand from offsets[r] to offsets[r + 1] (exclusive). */
export function selectListed() {
  const ofLargest = keepLargest()
  return func(
    { in: KERNELS.selectListed, locals: { i32: 2 } },
    ({ values, indices, offsets, k, first, last }, { i32: [from, count] }) => {
      const at = (base: I32) => i32.add(base, i32.mul(from, 4))
      increment(offsets, i32.mul(first, 4))
      forUpTo(first, last, 1, () => {
        local.set(from, i32.load({}, offsets))
        local.set(count, i32.sub(i32.load({ offset: 4 }, offsets), from))
        when(i32.lt_u(k, count), () => {
          call(ofLargest, { x: at(values), count, k, indices: at(indices) })
        })
        increment(offsets, 4)
      })
    },
  )
}

/** Of `count` positive numbers, more than k, keeps the k largest in their order; a tie goes to the earlier one. */
function keepLargest() {
  const atLeast = countAtLeast()
  return func(
    { in: i32s('x count k indices'), locals: { i32: 7, v128: 1 } },
    ({ x, count, k, indices }, { i32: [bytes, limit, bit, tried, ties, from, to], v128: [value] }) => {
      local.set(bytes, i32.mul(count, 4))
      // limit = the k-th largest height, bit by bit: the largest that at least k numbers reach
      local.set(limit, i32.const(0))
      local.set(bit, i32.const(2 ** 30))
      doWhile(() => {
        local.set(tried, i32.or(limit, bit))
        when(i32.ge_u(call(atLeast, { x, bytes, least: tried }), k), () => local.set(limit, tried))
        local.set(bit, i32.shr_u(bit, 1))
        return i32.ne(bit, 0)
      })
      // ties = how many that just reach it are kept
      local.set(ties, i32.sub(k, call(atLeast, { x, bytes, least: i32.add(limit, 1) })))
      local.set(from, i32.const(0))
      local.set(to, i32.const(0))
      whileBelow(from, bytes, () => {
        local.set(value, v128.load32_splat({}, i32.add(x, from)))
        setHeights(value)
        local.set(tried, i32x4.extract_lane(0, value))
        when(i32.gt_u(i32.add(tried, i32.ne(ties, 0)), limit), () => {
          when(i32.eq(tried, limit), () => local.set(ties, i32.sub(ties, 1)))
          move(x, from, to)
          move(indices, from, to)
          increment(to, 4)
        })
        increment(from, 4)
      })
    },
  )
}

/** How many numbers have a height of at least `least`, which is above 0. */
function countAtLeast() {
  return func(
    { in: i32s('x bytes least'), locals: { i32: 1, v128: 3 }, out: 'i32' },
    ({ x, bytes, least }, { i32: [c], v128: [value, limit, counts] }) => {
      local.set(limit, i32x4.splat(least))
      local.set(counts, splat(0))
      forLanes(c, bytes, ({ load, clear }) => {
        local.set(value, load(i32.add(x, c)))
        clear(value)
        setHeights(value)
        local.set(counts, i32x4.sub(counts, i32x4.ge_s(value, limit)))
      })
      local.set(c, i32x4.extract_lane(0, counts))
      for (const lane of [1, 2, 3] as const) increment(c, i32x4.extract_lane(lane, counts))
      local.get(c)
    },
  )
}

/** Positive numbers as whole ones that rise with them, their own bits; NaN is as high as infinity. */
function setHeights(value: V128): void {
  local.set(value, v128.and(value, splatBits(0x7fffffff)))
  local.set(value, i32x4.min_s(value, splatBits(0x7f800000)))
}

function splatBits(bits: number) {
  return v128.const('i32x4', [bits, bits, bits, bits])
}

/** base[to] = base[from], both in bytes */
function move(base: I32, from: I32, to: I32): void {
  i32.store({}, i32.add(base, to), i32.load({}, i32.add(base, from)))
}
