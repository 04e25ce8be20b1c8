// The integer kernel: int8 rows times int8 columns, tile by tile.
import { i16x8, i32, i32x4, i8x16, local, v128, type StackVar } from 'wasmati'
import { doWhile, increment, when, type V128 } from '../emit.ts'
import { call, func } from '../function.ts'
import type { Emitter, Int8Method } from '../emitter.ts'
import { i32s } from '../kernels.ts'
import { COLUMN, GROUP, INT8_TILES, STEP } from './layout.ts'

const VECTORS = GROUP / 4
/** Numbers of k that an instruction multiplies and adds for each column. */
const DOT = 4
const DOTS = STEP / DOT

const ones = () => v128.const('i16x8', [1, 1, 1, 1, 1, 1, 1, 1])

/** Registers of a tile, and where it reads: `dot` counts groups of DOT k within a step. */
interface Tile {
  readonly acc: readonly V128[] // [rows][VECTORS]
  readonly weights: readonly V128[]
  readonly x: readonly V128[]
  readonly one: V128
  readonly rows: number
  readonly loadX: (row: number, dot: number) => StackVar<'v128'>
  readonly loadWeights: (dot: number, vector: number) => StackVar<'v128'>
}

/** Vectors for weights, for numbers of x and products; see the steps below. */
const REGISTERS: Readonly<Record<Int8Method, readonly [weights: number, x: number]>> = {
  pairs: [DOTS * VECTORS, 1 + VECTORS],
  dot: [VECTORS, 1],
  widened: [VECTORS * 2, 2],
}

/** acc[r][c] += the sum over STEP k of x[r][k] * w[k][c], in whole numbers: the same with every method. */
const steps: Readonly<Record<Int8Method, (tile: Tile) => void>> = {
  pairs: pairsStep,
  dot: dotStep,
  widened: widenedStep,
}

/**
 * Pairs of products, four pairs added in 16 bits, and only then made 32-bit: half the work of widening each pair.
 * No sum overflows, because quantize-columns.ts keeps what eight numbers of a column add up to within LANE_MOST.
 */
function pairsStep({ acc, weights, x: [x, ...sums], one, rows, loadX, loadWeights }: Tile): void {
  weights.forEach((w, i) => local.set(w, loadWeights(Math.floor(i / VECTORS), i % VECTORS)))
  for (let r = 0; r < rows; r++) {
    for (let dot = 0; dot < DOTS; dot++) {
      local.set(x, loadX(r, dot))
      sums.forEach((sum, j) => {
        const pairs = i16x8.relaxed_dot_i8x16_i7x16_s(weights[dot * VECTORS + j], x)
        local.set(sum, dot === 0 ? pairs : i16x8.add(pairs, sum))
      })
    }
    sums.forEach((sum, j) => {
      const total = acc[r * VECTORS + j]
      local.set(total, i32x4.add(i32x4.dot_i16x8_s(sum, one), total))
    })
  }
}

function dotStep({ acc, weights, x: [x], rows, loadX, loadWeights }: Tile): void {
  for (let dot = 0; dot < DOTS; dot++) {
    weights.forEach((w, j) => local.set(w, loadWeights(dot, j)))
    for (let r = 0; r < rows; r++) {
      local.set(x, loadX(r, dot))
      weights.forEach((w, j) => {
        const total = acc[r * VECTORS + j]
        local.set(total, i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, total))
      })
    }
  }
}

/** 16-bit numbers from the start: numbers 0 and 1 of each column in one vector, 2 and 3 in another. */
function widenedStep({ acc, weights, x: halves, rows, loadX, loadWeights }: Tile): void {
  const [low, high] = halves
  for (let dot = 0; dot < DOTS; dot++) {
    for (let j = 0; j < VECTORS; j++) {
      const [first, second] = [weights[2 * j], weights[2 * j + 1]]
      local.set(first, loadWeights(dot, j))
      local.set(first, i8x16.shuffle([0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15], first, first))
      local.set(second, i16x8.extend_high_i8x16_s(first))
      local.set(first, i16x8.extend_low_i8x16_s(first))
    }
    for (let r = 0; r < rows; r++) {
      local.set(low, loadX(r, dot))
      local.set(low, i16x8.extend_low_i8x16_s(low))
      local.set(high, i8x16.shuffle([4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7], low, low))
      local.set(low, i8x16.shuffle([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3], low, low))
      weights.forEach((w, i) => {
        const total = acc[r * VECTORS + Math.floor(i / 2)]
        local.set(total, i32x4.add(i32x4.dot_i16x8_s(w, halves[i % 2]), total))
      })
    }
  }
}

/** Where a tile finds its rows: one after another in steps, or by a list of addresses. */
type Place = 'packed' | 'listed'

/** `x` is the rows, or the list of their addresses. */
const TILE = i32s('x K weights columns sums')

/**
 * sums[rows][GROUP] = the sum over k of x[k] times w[k], both int8, w a group of columns [K / 4][GROUP][4], from what
 * their constants say that sums start at.
 * Rows that are packed lie [K / STEP][rows of the tile][STEP]; of listed rows the list has whole tiles of addresses.
 */
export function int8Tile({ int8 }: Emitter, rows: number, place: Place) {
  const [weightCount, xCount] = REGISTERS[int8]
  const pointers = place === 'listed' ? rows : 1
  return func(
    { in: TILE, locals: { i32: 1 + pointers, v128: 1 + rows * VECTORS + weightCount + xCount } },
    ({ x, K, weights: w, columns, sums }, { i32: [end, ...xs], v128: [one, ...registers] }) => {
      const acc = registers.splice(0, rows * VECTORS)
      const [weights, xRegisters] = [registers.slice(0, weightCount), registers.slice(weightCount)]
      xs.forEach((pointer, r) => local.set(pointer, place === 'listed' ? i32.load({ offset: r * 4 }, x) : x))
      local.set(one, ones())
      acc.forEach((sum, i) =>
        local.set(sum, v128.load({ offset: COLUMN.start + (i % VECTORS) * 16 }, columns)),
      )
      local.set(end, i32.add(xs[0], place === 'listed' ? K : i32.mul(K, rows)))
      // for each STEP of k: acc[r] += x[r] . w
      doWhile(() => {
        steps[int8]({
          ...{ acc, weights, x: xRegisters, one, rows },
          loadX: (r, dot) =>
            place === 'listed'
              ? v128.load32_splat({ offset: dot * DOT }, xs[r])
              : v128.load32_splat({ offset: r * STEP + dot * DOT }, xs[0]),
          loadWeights: (dot, j) => v128.load({ offset: dot * GROUP * DOT + j * 16 }, w),
        })
        for (const pointer of xs) increment(pointer, STEP * (rows / pointers))
        increment(w, GROUP * STEP)
        return i32.lt_u(xs[0], end)
      })
      acc.forEach((sum, i) => v128.store({ offset: i * 16 }, sums, sum))
    },
  )
}

/** Calls the smallest tile that holds so many rows. */
export function int8Tiles(emitter: Emitter, place: Place) {
  return func({ in: { ...i32s('rows'), ...TILE } }, ({ rows, ...args }) => {
    const choose = ([size, ...larger]: readonly number[]): void => {
      const tile = int8Tile(emitter, size, place)
      if (larger.length === 0) call(tile, args)
      else
        when(
          i32.le_u(rows, size),
          () => call(tile, args),
          () => choose(larger),
        )
    }
    choose(INT8_TILES)
  })
}
