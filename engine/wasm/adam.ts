import { f32x4, f64, i32, local } from 'wasmati'
import type { AdamStep } from '../backward.ts'
import { addToSum, clearSum, forLanes, forUpTo, increment, limitTo, totalOf } from './emit.ts'
import type { Engine } from './engine.ts'
import { func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { KERNELS, type Numbers } from './kernels.ts'
import { Block } from './tensors.ts'
import { SQUARES_PIECE } from './tile-sizes.ts'

/** Numbers of a piece of a parameter that lies in one stretch: what one thread takes at a time. */
const PIECE = 1 << 14

/**
 * What is moved: one stretch of numbers, or W's panels [ceil(out / panel)][in][panel] beside gradients [in, out].
 */
export type Place = Numbers<'w' | 'g' | 'm' | 'v'> & (Numbers<'count'> | Numbers<'inputs' | 'outputs'>)

/** Moves a parameter and its moments by one step of AdamW, by address. */
export async function runAdamW(engine: Engine, place: Place, step: AdamStep): Promise<void> {
  const { t, scale, beta1, beta2, eps, weightDecay } = step
  const numbers = {
    ...{ scale, beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2, eps },
    rate: step.rate / (1 - beta1 ** t),
    correction: 1 / Math.sqrt(1 - beta2 ** t),
    keep: 1 - step.rate * weightDecay,
  }
  const { w, g, m, v } = place
  const shape = shapeOf(engine, place)
  const pieces = Math.ceil(shape.total / shape.columns)
  await engine.runRanged('adamW', { w, g, m, v, ...shape, ...numbers }, pieces, 1)
}

/** How the numbers lie, in pieces: see the task. */
function shapeOf({ panel }: Engine, place: Place) {
  const stretch = { rows: 1, wRow: 0, gRow: 0 }
  if ('count' in place)
    return { ...stretch, columns: PIECE, total: place.count, wPiece: PIECE * 4, gPiece: PIECE * 4 }
  const { inputs, outputs } = place
  return {
    ...{ rows: inputs, columns: panel, total: outputs, wRow: panel * 4, gRow: outputs * 4 },
    ...{ wPiece: inputs * panel * 4, gPiece: panel * 4 },
  }
}

/**
 * m = beta1 m + rest1 g and v = beta2 v + rest2 g^2, with g times scale; w = keep w - rate m / (correction sqrt(v) + eps); for
 * `rows` x `columns` numbers. The bias corrections of m and v are in rate and correction.
 */
export function adamW({ madd }: Emitter) {
  return func(
    { in: KERNELS.adamW, locals: { i32: 3, v128: 12 } },
    (
      { w, wRow, g, m, v, gRow, rows, columns, ...settings },
      { i32: [c, bytes, r], v128: [slope, mean, square, ...splats] },
    ) => {
      const names = [
        'scale',
        'beta1',
        'rest1',
        'beta2',
        'rest2',
        'rate',
        'eps',
        'correction',
        'keep',
      ] as const
      for (const [i, name] of names.entries()) local.set(splats[i], f32x4.splat(settings[name]))
      const [scale, beta1, rest1, beta2, rest2, rate, eps, correction, keep] = splats
      local.set(bytes, i32.mul(columns, 4))
      local.set(r, i32.const(0))
      forUpTo(r, rows, 1, () => {
        forLanes(c, bytes, ({ load, store }) => {
          local.set(slope, f32x4.mul(load(i32.add(g, c)), scale))
          // m = beta1 m + rest1 g
          local.set(mean, f32x4.mul(load(i32.add(m, c)), beta1))
          local.set(mean, madd(slope, rest1, mean))
          store(i32.add(m, c), mean)
          // v = beta2 v + rest2 g^2
          local.set(square, f32x4.mul(load(i32.add(v, c)), beta2))
          local.set(slope, f32x4.mul(slope, slope))
          local.set(square, madd(slope, rest2, square))
          store(i32.add(v, c), square)
          // w = keep w - rate m / (correction sqrt(v) + eps)
          local.set(square, f32x4.sqrt(square))
          local.set(square, madd(square, correction, eps))
          local.set(mean, f32x4.mul(mean, rate))
          local.set(mean, f32x4.div(mean, square))
          local.set(slope, f32x4.mul(load(i32.add(w, c)), keep))
          local.set(slope, f32x4.sub(slope, mean))
          store(i32.add(w, c), slope)
        })
        increment(w, wRow)
        for (const at of [g, m, v]) increment(at, gRow)
      })
    },
  )
}

/** The sum of the squares of `count` numbers by address: pieces of them, then the pieces in order. */
export async function runSquares(engine: Engine, { x, count }: Numbers<'x' | 'count'>): Promise<number> {
  const sums = await squaresOfPieces(engine, { x, count, piece: SQUARES_PIECE })
  return sums.reduce((sum, piece) => sum + piece, 0)
}

/** The sum of the squares of each `piece` numbers; the last may have fewer. */
export async function squaresOfPieces(
  engine: Engine,
  place: Numbers<'x' | 'count' | 'piece'>,
): Promise<Float64Array> {
  const pieces = Math.ceil(place.count / place.piece)
  using sums = new Block(engine.arena, Math.max(1, pieces) * 8, 'squares: sums of pieces')
  await engine.runRanged('squares', { ...place, out: sums.address }, pieces, SQUARES_PIECE / place.piece)
  return engine.arena.doubles(sums.address, pieces).slice()
}

/** out[p] = the sum of x[i]^2 over piece p of `count` numbers, in float64, for a range of pieces. */
export function squares() {
  return func(
    { in: KERNELS.squares, locals: { i32: 3, v128: 3 } },
    ({ x, count, piece, out, first: p, last }, { i32: [c, at, bytes], v128: [value, low, high] }) => {
      forUpTo(p, last, 1, () => {
        local.set(bytes, i32.sub(count, i32.mul(p, piece)))
        limitTo(bytes, piece)
        local.set(bytes, i32.mul(bytes, 4))
        local.set(at, i32.mul(i32.mul(p, piece), 4))
        increment(at, x)
        clearSum({ low, high })
        forLanes(c, bytes, ({ load, clear }) => {
          local.set(value, load(i32.add(at, c)))
          local.set(value, f32x4.mul(value, value))
          clear(value)
          addToSum({ low, high }, value)
        })
        local.set(at, i32.add(out, i32.mul(p, 8)))
        f64.store({}, at, totalOf({ low, high }))
      })
    },
  )
}
