// The integer kernel: int8 rows times int8 features, tile by tile.
import { i16x8, i32, i32x4, i8x16, local, v128, type StackVar } from 'wasmati'
import { doWhile, forUpTo, increment, when, whileBelow, type V128 } from '../emit.ts'
import { call, func } from '../function.ts'
import type { Emitter, Int8Method } from '../emitter.ts'
import { i32s, KERNELS } from '../kernels.ts'
import { FEATURE, FEATURE_BYTES, GROUP, GROUP_BYTES, INT8_ROWS, INT8_TILES, STEP } from './layout.ts'

/** Numbers of k that an instruction multiplies and adds for each feature. */
const DOT = 4
const DOTS = STEP / DOT

const ones = () => v128.const('i16x8', [1, 1, 1, 1, 1, 1, 1, 1])

/** Registers of a tile, and where it reads: `dot` counts groups of DOT k within a step. */
interface Tile {
  readonly acc: readonly V128[] // [rows][vectors]
  readonly others: readonly V128[] // as many as `registers` says
  readonly one: V128
  readonly rows: number
  readonly vectors: number
  readonly loadX: (row: number, dot: number) => StackVar<'v128'>
  readonly loadWeights: (dot: number, vector: number) => StackVar<'v128'>
}

interface Method {
  /** Rows of a tile: as many as registers are left for. */
  readonly rows: number
  /** Vectors beside the sums. */
  readonly registers: (rows: number, vectors: number) => number
  /** acc[r][j] += the sum over STEP k of x[r][k] * w[k][j], in whole numbers: the same with every method */
  readonly step: (tile: Tile) => void
}

const METHODS: Readonly<Record<Int8Method, Method>> = {
  dot: { rows: INT8_ROWS, registers: (_, vectors) => vectors + 1, step: dotStep },
  pairs: { rows: INT8_ROWS / 2, registers: (rows, vectors) => (rows + 1) * vectors + 1, step: pairsStep },
  widened: { rows: INT8_ROWS / 2, registers: (_, vectors) => 2 * vectors + 2, step: widenedStep },
}

function dotStep({ acc, others: [x, ...weights], rows, vectors, loadX, loadWeights }: Tile): void {
  for (let dot = 0; dot < DOTS; dot++) {
    weights.forEach((w, j) => local.set(w, loadWeights(dot, j)))
    for (let r = 0; r < rows; r++) {
      local.set(x, loadX(r, dot))
      weights.forEach((w, j) => {
        const total = acc[r * vectors + j]
        local.set(total, i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, total))
      })
    }
  }
}

/**
 * Pairs of products, four pairs added in 16 bits, and only then made 32-bit: half the work of widening each pair.
 * No sum overflows, because quantize-features.ts keeps what eight numbers of a feature add up to within SUM16_MOST.
 */
function pairsStep({ acc, others: [x, ...more], one, rows, vectors, loadX, loadWeights }: Tile): void {
  const [weights, sums] = [more.slice(0, vectors), more.slice(vectors)]
  for (let dot = 0; dot < DOTS; dot++) {
    weights.forEach((w, j) => local.set(w, loadWeights(dot, j)))
    for (let r = 0; r < rows; r++) {
      local.set(x, loadX(r, dot))
      weights.forEach((w, j) => {
        const [sum, pairs] = [sums[r * vectors + j], i16x8.relaxed_dot_i8x16_i7x16_s(w, x)]
        local.set(sum, dot === 0 ? pairs : i16x8.add(pairs, sum))
      })
    }
  }
  sums.forEach((sum, i) => local.set(acc[i], i32x4.add(i32x4.dot_i16x8_s(sum, one), acc[i])))
}

/** 16-bit numbers from the start: numbers 0 and 1 of each feature in one vector, 2 and 3 in another. */
function widenedStep({
  acc,
  others: [low, high, ...weights],
  rows,
  vectors,
  loadX,
  loadWeights,
}: Tile): void {
  const halves = [low, high]
  for (let dot = 0; dot < DOTS; dot++) {
    for (let j = 0; j < vectors; j++) {
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
        const total = acc[r * vectors + Math.floor(i / 2)]
        local.set(total, i32x4.add(i32x4.dot_i16x8_s(w, halves[i % 2]), total))
      })
    }
  }
}

const TILE = i32s('x K weights features sums')

/**
 * sums[rows][GROUP] = the sum over k of x[k] times w[k], both int8, from what the features' constants say that sums start
 * at; for the first `vectors` times four features that `weights`, `features` and `sums` point at. x lies [K / STEP][packed][STEP].
 */
function int8Tile(
  { int8 }: Emitter,
  { rows, packed, vectors }: { rows: number; packed: number; vectors: number },
) {
  const { registers, step } = METHODS[int8]
  return func(
    { in: TILE, locals: { i32: 1, v128: 1 + rows * vectors + registers(rows, vectors) } },
    ({ x, K, weights, features, sums }, { i32: [end], v128: [one, ...all] }) => {
      const [acc, others] = [all.slice(0, rows * vectors), all.slice(rows * vectors)]
      const place = (i: number) => Math.floor(i / vectors) * GROUP_BYTES + (i % vectors) * 16
      local.set(one, ones())
      acc.forEach((sum, i) =>
        local.set(sum, v128.load({ offset: FEATURE.start + (i % vectors) * 16 }, features)),
      )
      local.set(end, i32.add(x, i32.mul(K, packed)))
      // for each STEP of k: acc[r] += x[r] . w
      doWhile(() => {
        step({
          ...{ acc, others, one, rows, vectors },
          loadX: (r, dot) => v128.load32_splat({ offset: r * STEP + dot * DOT }, x),
          loadWeights: (dot, j) => v128.load({ offset: dot * GROUP * DOT + j * 16 }, weights),
        })
        increment(x, packed * STEP)
        increment(weights, GROUP * STEP)
        return i32.lt_u(x, end)
      })
      acc.forEach((sum, i) => v128.store({ offset: place(i) }, sums, sum))
    },
  )
}

/** A whole group of features with the rows of one packed tile, in tiles that fit the registers: 16 features in 256 bits, 8 in 128. */
export function packedTile(emitter: Emitter, packed = INT8_ROWS) {
  const vectors = GROUP / 4 / (emitter.paired ? 1 : 2)
  const rows = Math.min(packed, METHODS[emitter.int8].rows)
  const tile = int8Tile(emitter, { rows, packed, vectors })
  return func({ in: TILE }, ({ x, K, weights, features, sums }) => {
    for (let r = 0; r < packed; r += rows)
      for (let v = 0; v < GROUP / 4; v += vectors) {
        const at = v * 16
        call(tile, {
          ...{ x: i32.add(x, r * STEP), K, weights: i32.add(weights, at), features: i32.add(features, at) },
          sums: i32.add(sums, r * GROUP_BYTES + at),
        })
      }
  })
}

/** sums [groups][tall][GROUP] = the int8 products of all rows with a range of groups; `tall`: the rows in whole tiles. */
export function int8Products(emitter: Emitter) {
  const tiles = INT8_TILES.map((rows) => packedTile(emitter, rows))
  return func(
    { in: KERNELS.int8Products, locals: { i32: 4 } },
    ({ values, rows, tall, padded, int8, features, first: g, last, sums }, { i32: [r, x, weights, to] }) => {
      increment(int8, i32.mul(i32.mul(g, padded), GROUP))
      increment(features, i32.mul(g, FEATURE_BYTES))
      forUpTo(g, last, 1, () => {
        local.set(x, values)
        local.set(to, sums)
        local.set(weights, int8)
        local.set(r, i32.const(0))
        whileBelow(r, rows, () => {
          const choose = (i: number): void => {
            const multiply = () => call(tiles[i], { x, K: padded, weights, features, sums: to })
            if (i === tiles.length - 1) multiply()
            else when(i32.le_u(i32.sub(rows, r), INT8_TILES[i]), multiply, () => choose(i + 1))
          }
          choose(0)
          increment(r, INT8_ROWS)
          increment(x, i32.mul(padded, INT8_ROWS))
          increment(to, INT8_ROWS * GROUP_BYTES)
        })
        increment(int8, i32.mul(padded, GROUP))
        increment(features, FEATURE_BYTES)
        increment(sums, i32.mul(tall, GROUP_BYTES))
      })
    },
  )
}
