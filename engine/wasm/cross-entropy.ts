import { f32x4, f64, i32, local } from 'wasmati'
import { addToSum, clearSum, forLanes, forUpTo, increment, totalOf, type Lanes } from './emit.ts'
import type { Engine } from './engine.ts'
import { call, func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { i32s, KERNELS } from './kernels.ts'
import { emitExp } from './math.ts'
import { largestOfRow } from './softmax.ts'
import { Block, type WasmTensor } from './tensors.ts'

/** What the kernel leaves of a row, and the host takes the logarithm of: two float64. */
const TOTALS = 2

/** out[r] = -log softmax(x[r])[targets[r]] for rows of x, by address. The logarithm, one a row, is the host's. */
export async function runCrossEntropy(
  engine: Engine,
  place: { x: number; rows: number; width: number; least: number },
  targets: readonly number[],
  out: WasmTensor,
): Promise<void> {
  const { x, rows, width, least } = place
  using block = new Block(engine.arena, rows * TOTALS * 8, 'crossEntropy: totals')
  await engine.runRanged('crossEntropy', { x, totals: block.address, width }, rows, least)
  const results = engine.arena.floats(out.address, rows)
  const totals = engine.arena.doubles(block.address, rows * TOTALS)
  for (const [r, target] of targets.entries()) {
    const [largest, total] = totals.subarray(r * TOTALS)
    const [logit] = engine.arena.floats(x + (r * width + target) * 4, 1)
    results[r] = Math.log(total) - (logit - largest)
  }
}

/** The sum of exp(x[i] - largest) over a row of `width` numbers, in float64. */
export function totalOfRow({ madd }: Emitter) {
  return func(
    { in: { ...i32s('x width'), largest: 'f32' }, locals: { i32: 2, v128: 7 }, out: 'f64' },
    ({ x, width, largest }, { i32: [c, end], v128: [value, max, n, r, sum, low, high] }) => {
      local.set(end, i32.mul(width, 4))
      local.set(max, f32x4.splat(largest))
      clearSum({ low, high })
      const exponentiate = ({ load, clear }: Lanes, vectors: number) => {
        for (let i = 0; i < vectors; i++) {
          local.set(value, f32x4.sub(load(i32.add(x, c), i * 16), max))
          emitExp(value, { n, r, sum }, madd)
          clear(value)
          addToSum({ low, high }, value)
        }
      }
      forLanes(c, end, exponentiate, 4)
      totalOf({ low, high })
    },
  )
}

/** totals[r] = the largest number, and the sum of exp(x[i] - largest), as float64, for a range of rows. */
export function crossEntropy(emitter: Emitter) {
  const [largestOf, totalOf] = [largestOfRow(), totalOfRow(emitter)]
  return func(
    { in: KERNELS.crossEntropy, locals: { i32: 1, f32: 1 } },
    ({ x, totals, width, first, last }, { i32: [bytes], f32: [largest] }) => {
      local.set(bytes, i32.mul(width, 4))
      increment(x, i32.mul(first, bytes))
      increment(totals, i32.mul(first, TOTALS * 8))
      forUpTo(first, last, 1, () => {
        local.set(largest, call(largestOf, { x, width }))
        f64.store({ offset: 0 }, totals, f64.promote_f32(largest))
        f64.store({ offset: 8 }, totals, call(totalOf, { x, width, largest }))
        increment(x, bytes)
        increment(totals, TOTALS * 8)
      })
    },
  )
}
