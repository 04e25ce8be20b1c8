/*
 * Outputs are summed over k in order in blocks of SUM_BLOCK, each block from zero, and the block sums added in
 * order: one float32 sum over K = 3,072 would lose too many digits. Every tile below does the same additions in the
 * same order, whatever its size, so no output depends on the rows or columns it happens to be computed with.
 */
import { f32x4, i32, local, v128 } from 'wasmati'
import { increment, limitTo, splat, when, whileBelow } from './emit.ts'
import type { I32, I32Input, V128 } from './emit.ts'
import { call, func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { i32s } from './kernels.ts'
import { SUM_BLOCK, TILE_ROWS, tilePanels } from './tile-sizes.ts'

/** panels = how many the next tile spans, of those from p up to `last` (exclusive) */
export function setTilePanels(panels: I32, rows: I32, p: I32, last: I32): void {
  local.set(panels, i32.const(1))
  for (const few of [1, 2])
    when(i32.and(i32.eq(rows, few), i32.le_u(i32.add(p, tilePanels(few)), last)), () =>
      local.set(panels, i32.const(tilePanels(few))),
    )
}

/** Steps of k between two increments of the rows' addresses. */
const UNROLL = 4

/** What a tile multiplies, and the registers to do it in. */
interface Product {
  readonly xs: readonly I32[] // one address a row
  readonly ws: readonly I32[] // one address a panel, or part of one
  readonly width: number // columns of a panel, or part of one
  readonly step: I32Input // bytes from a row of a panel to the next
  readonly K: I32
  readonly sums: I32
  readonly ends: readonly I32[] // three
  readonly registers: readonly V128[] // as many as registersOf says
}

/** Vectors that a tile needs: its sums, the shorter side of a step, and one that passes. */
function registersOf(rows: number, columns: number): number {
  const vectors = columns / 4
  return rows * vectors + Math.max(rows, vectors) + 1
}

/**
 * sums[rows][columns] = x[rows][K] times W[K][columns], as all tiles sum it. One k adds x[r][k] * w[k][j] to each sum:
 * the shorter side of the tile is kept in registers, the other passes.
 */
function multiply({ madd }: Emitter, product: Product): void {
  const { xs, ws, width, step, K, sums, registers } = product
  const [x, [end, blockEnd, last], [passing, ...others]] = [xs[0], product.ends, registers]
  const weights = ws.flatMap((w) => Array.from({ length: width / 4 }, (_, j) => ({ w, offset: j * 16 })))
  const acc = xs.map((_, r) => others.slice(r * weights.length, (r + 1) * weights.length))
  const kept = others.slice(xs.length * weights.length)
  const accumulators = acc.flat().map((sum, i) => ({ sum, offset: i * 16 }))
  /** Adds the products of one k, `at` numbers behind x. */
  const addProducts = (at: number) => {
    if (xs.length < weights.length && xs.length <= 2) {
      xs.forEach((x, r) => local.set(kept[r], v128.load32_splat({ offset: at * 4 }, x)))
      weights.forEach(({ w, offset }, j) => {
        local.set(passing, v128.load({ offset }, w))
        for (const [r, sums] of acc.entries()) local.set(sums[j], madd(kept[r], passing, sums[j]))
      })
    } else {
      weights.forEach(({ w, offset }, j) => local.set(kept[j], v128.load({ offset }, w)))
      xs.forEach((x, r) => {
        local.set(passing, v128.load32_splat({ offset: at * 4 }, x))
        for (const [j, sum] of acc[r].entries()) local.set(sum, madd(passing, kept[j], sum))
      })
    }
  }
  // sums = 0
  for (const { offset } of accumulators) v128.store({ offset }, sums, splat(0))
  // for each block of at most SUM_BLOCK steps of k
  local.set(end, i32.add(x, i32.mul(K, 4)))
  whileBelow(x, end, () => {
    local.set(blockEnd, i32.add(x, SUM_BLOCK * 4))
    limitTo(blockEnd, end)
    //   acc = 0
    for (const { sum } of accumulators) local.set(sum, splat(0))
    //   for k in the block: acc[r][j] += x[r][k] * w[k][j], UNROLL at a time, then one
    for (const steps of [UNROLL, 1]) {
      local.set(last, i32.sub(blockEnd, (steps - 1) * 4))
      whileBelow(x, last, () => {
        for (let at = 0; at < steps; at++) {
          addProducts(at)
          for (const pointer of ws) increment(pointer, step)
        }
        for (const pointer of xs) increment(pointer, steps * 4)
      })
    }
    //   sums += acc (all loads, then all stores: V8 pairs neighbouring stores only if nothing lies between them)
    for (const { sum, offset } of accumulators) local.set(sum, f32x4.add(v128.load({ offset }, sums), sum))
    for (const { sum, offset } of accumulators) v128.store({ offset }, sums, sum)
  })
}

/** Strides are bytes: from row to row of x, from panel to panel of weights, and from row to row of a panel (`step`). */
const TILE = i32s('x xStride weights panelStride step K sums')

/** sums[rows][panels * panel] = x[rows][K] times `panels` panels of weights, each [K][panel]. */
function tile(emitter: Emitter, rows: number, panels: number) {
  const { panel: width } = emitter
  return func(
    { in: TILE, locals: { i32: rows + panels + 1, v128: registersOf(rows, panels * width) } },
    (
      { x, xStride, weights, panelStride, step, K, sums },
      { i32: [end, blockEnd, last, ...others], v128: registers },
    ) => {
      const xs = [x, ...others.slice(0, rows - 1)]
      const ws = [weights, ...others.slice(rows - 1)]
      for (let r = 1; r < rows; r++) local.set(xs[r], i32.add(xs[r - 1], xStride))
      for (let p = 1; p < panels; p++) local.set(ws[p], i32.add(ws[p - 1], panelStride))
      multiply(emitter, { xs, ws, width, step, K, sums, ends: [end, blockEnd, last], registers })
    },
  )
}

export type AnyTile = ReturnType<typeof tileOfAnySize>

/** Calls the tile of `rows` rows and `panels` panels. */
export function tileOfAnySize(emitter: Emitter) {
  return func({ in: { ...i32s('rows panels'), ...TILE } }, ({ rows, panels, ...args }) => {
    for (let r = 1; r <= TILE_ROWS; r++)
      for (const p of new Set([1, tilePanels(r)])) {
        const fixed = tile(emitter, r, p)
        when(i32.and(i32.eq(rows, r), i32.eq(panels, p)), () => call(fixed, args))
      }
  })
}
