import { call, f32x4, func, i16x8, i32, i32x4, i8x16, local, v128 } from 'wasmati'
import {
  doWhile,
  increment,
  limitTo,
  splat,
  when,
  whileBelow,
  type I32,
  type I32Input,
  type V128,
} from './emit.ts'
import type { Emitter, Int8Method } from './kernel.ts'
import { GROUP } from './screen-plan.ts'
import { SUM_BLOCK } from './tile.ts'

const VECTORS = GROUP / 4

/** Rows of such a tile: what 15 registers hold beside the weights and a number of x; wide code has twice the room. */
export function groupRows({ paired }: { paired: boolean }): number {
  return paired ? 8 : 6
}

/** Four numbers of k for each of four columns, or of x for all columns: 8-bit numbers, or two vectors of 16-bit ones. */
type Digits = readonly V128[]

const ones = () => v128.const('i16x8', [1, 1, 1, 1, 1, 1, 1, 1])

/** sum[c] += the sum over four k of x[k] * w[k][c], in whole numbers: the same with every method. */
export function addDot(method: Int8Method, sum: V128, x: Digits, w: Digits, one: V128): void {
  if (method === 'dot') local.set(sum, i32x4.relaxed_dot_i8x16_i7x16_add_s(w[0], x[0], sum))
  else if (method === 'pairs')
    local.set(sum, i32x4.add(i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(w[0], x[0]), one), sum))
  else for (const half of [0, 1]) local.set(sum, i32x4.add(i32x4.dot_i16x8_s(w[half], x[half]), sum))
}

/** w = 16 bytes at `address` */
function loadWeights(method: Int8Method, w: Digits, address: I32Input, offset: number): void {
  local.set(w[0], v128.load({ offset }, address))
  if (method !== 'widened') return
  // numbers 0 and 1 of each column first, then 2 and 3
  local.set(w[0], i8x16.shuffle([0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15], w[0], w[0]))
  local.set(w[1], i16x8.extend_high_i8x16_s(w[0]))
  local.set(w[0], i16x8.extend_low_i8x16_s(w[0]))
}

/** x = the 4 bytes at `address`, for every column */
function loadDigits(method: Int8Method, x: Digits, address: I32Input): void {
  local.set(x[0], v128.load32_splat({}, address))
  if (method !== 'widened') return
  local.set(x[0], i16x8.extend_low_i8x16_s(x[0]))
  local.set(x[1], i8x16.shuffle([4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7], x[0], x[0]))
  local.set(x[0], i8x16.shuffle([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3], x[0], x[0]))
}

/** xs[r] = the r-th address of a list */
function loadPointers(xs: readonly I32[], list: I32): void {
  xs.forEach((x, r) => local.set(x, i32.load({ offset: r * 4 }, list)))
}

const locals = <T>(count: number, type: T): T[] => Array.from({ length: count }, () => type)

/**
 * sums[rows][GROUP] = the sum over k of digits x[k] times w[k], w a group of 8-bit columns [K / 4][GROUP][4], for the
 * first `rows` of a list of addresses of rows of digits; more sums may be written, up to groupRows of them.
 * Arguments: rows, the list (of groupRows), K (a multiple of 4, not 0), w, sums.
 */
export function digitTileOfAnySize(emitter: Emitter) {
  const most = groupRows(emitter)
  const sizes = [1, most / 2, most]
  return func({ in: [i32, i32, i32, i32, i32], out: [] }, ([rows, ...args]) => {
    const choose = ([size, ...larger]: readonly number[]): void => {
      const tile = digitTile(emitter, size)
      if (larger.length === 0) call(tile, args)
      else
        when(
          i32.le_u(rows, size),
          () => call(tile, args),
          () => choose(larger),
        )
    }
    choose(sizes)
  })
}

function digitTile(emitter: Emitter, rows: number) {
  const { int8 } = emitter
  const halves = int8 === 'widened' ? 2 : 1
  return func(
    {
      in: [i32, i32, i32, i32],
      locals: [i32, v128, ...locals(rows, i32), ...locals(rows * VECTORS + (VECTORS + 1) * halves, v128)],
      out: [],
    },
    ([list, K, w, sums], [end, one, ...others]) => {
      const xs = others.slice(0, rows) as I32[]
      const registers = others.slice(rows) as V128[]
      const acc = registers.splice(0, rows * VECTORS)
      const x = registers.splice(0, halves)
      const ws = [registers.slice(0, halves), registers.slice(halves)]
      loadPointers(xs, list)
      local.set(one, ones())
      for (const sum of acc) local.set(sum, splat(0))
      local.set(end, i32.add(xs[0], K))
      // for each four k: acc[r] += x[r] . w
      doWhile(() => {
        ws.forEach((vector, j) => loadWeights(int8, vector, w, j * 16))
        xs.forEach((pointer, r) => {
          loadDigits(int8, x, pointer)
          ws.forEach((vector, j) => addDot(int8, acc[r * VECTORS + j], x, vector, one))
        })
        for (const pointer of xs) increment(pointer, 4)
        increment(w, GROUP * 4)
        return i32.lt_u(xs[0], end)
      })
      acc.forEach((sum, i) => v128.store({ offset: i * 16 }, sums, sum))
    },
  )
}

/**
 * sums[rows][GROUP] = x[rows][K] times GROUP columns of float32 weights, one k every `stride` bytes: the additions of
 * tile.ts in tile.ts' order, so the same bits, but for rows from a list and for half a wide panel.
 * Arguments: a list of groupRows addresses of rows of x, K, w, stride, sums.
 */
export function gatheredTile(emitter: Emitter) {
  const rows = groupRows(emitter)
  return func(
    {
      in: [i32, i32, i32, i32, i32],
      locals: [i32, i32, v128, ...locals(rows, i32), ...locals(rows * VECTORS + VECTORS, v128)],
      out: [],
    },
    ([list, K, w, stride, sums], [end, blockEnd, x, ...others]) => {
      const xs = others.slice(0, rows) as I32[]
      const registers = others.slice(rows) as V128[]
      const acc = registers.splice(0, rows * VECTORS)
      const offsets = acc.map((sum, i) => ({ sum, offset: i * 16 }))
      loadPointers(xs, list)
      for (const { offset } of offsets) v128.store({ offset }, sums, splat(0))
      local.set(end, i32.add(xs[0], i32.mul(K, 4)))
      // for each block of at most SUM_BLOCK steps of k
      whileBelow(xs[0], end, () => {
        local.set(blockEnd, i32.add(xs[0], SUM_BLOCK * 4))
        limitTo(blockEnd, end)
        for (const sum of acc) local.set(sum, splat(0))
        //   for k in the block: acc[r] += x[r][k] * w[k]
        doWhile(() => {
          registers.forEach((weights, j) => local.set(weights, v128.load({ offset: j * 16 }, w)))
          xs.forEach((pointer, r) => {
            local.set(x, v128.load32_splat({}, pointer))
            registers.forEach((weights, j) => {
              const sum = acc[r * VECTORS + j]
              local.set(sum, emitter.madd(x, weights, sum))
            })
          })
          for (const pointer of xs) increment(pointer, 4)
          increment(w, stride)
          return i32.lt_u(xs[0], blockEnd)
        })
        for (const { sum, offset } of offsets) local.set(sum, f32x4.add(v128.load({ offset }, sums), sum))
        for (const { sum, offset } of offsets) v128.store({ offset }, sums, sum)
      })
    },
  )
}
