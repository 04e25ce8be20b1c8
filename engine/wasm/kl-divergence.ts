import { f32x4, f64, i32, local, v128 } from 'wasmati'
import { addToSum, clearSum, forLanes, forUpTo, increment, splat, totalOf, type Lanes } from './emit.ts'
import { totalOfRow } from './cross-entropy.ts'
import type { Engine } from './engine.ts'
import { call, func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { KERNELS } from './kernels.ts'
import { emitExp } from './math.ts'
import { largestOfRow } from './softmax.ts'
import { Block, type WasmTensor } from './tensors.ts'

/** What the kernel leaves of a row: three float64. */
const TOTALS = 3

/** out[r] = KL(softmax(a[r]) || softmax(b[r])) for rows of a and b, by address. The logarithms are the host's. */
export async function runKlDivergence(
  engine: Engine,
  place: { a: number; b: number; rows: number; width: number; least: number },
  out: WasmTensor,
): Promise<void> {
  const { a, b, rows, width, least } = place
  using block = new Block(engine.arena, rows * TOTALS * 8, 'klDivergence: totals')
  await engine.runRanged('klDivergence', { a, b, totals: block.address, width }, rows, least)
  const results = engine.arena.floats(out.address, rows)
  const totals = engine.arena.doubles(block.address, rows * TOTALS)
  for (let r = 0; r < rows; r++) {
    const [sum, totalA, totalB] = totals.subarray(r * TOTALS)
    results[r] = Math.max(0, sum / totalA + Math.log(totalB) - Math.log(totalA))
  }
}

/**
 * totals[r], for a range of rows: the sum of p_i (log p_i - log q_i), with p_i = exp(log p_i), log p_i = a[i] - largest a
 * and log q_i = b[i] - largest b; the sum of the p_i; and that of the q_i. Where p_i is 0, it adds nothing.
 */
export function klDivergence(emitter: Emitter) {
  const [largestOf, totalB] = [largestOfRow(), totalOfRow(emitter)]
  return func(
    { in: KERNELS.klDivergence, locals: { i32: 2, f32: 1, v128: 12 } },
    (
      { a, b, totals, width, first, last },
      {
        i32: [c, bytes],
        f32: [largest],
        v128: [p, logP, logQ, maxA, maxB, n, r, sum, low, high, weightedLow, weightedHigh],
      },
    ) => {
      const [total, weighted] = [
        { low, high },
        { low: weightedLow, high: weightedHigh },
      ]
      local.set(bytes, i32.mul(width, 4))
      for (const at of [a, b]) increment(at, i32.mul(first, bytes))
      increment(totals, i32.mul(first, TOTALS * 8))
      forUpTo(first, last, 1, () => {
        local.set(maxA, f32x4.splat(call(largestOf, { x: a, width })))
        local.set(largest, call(largestOf, { x: b, width }))
        local.set(maxB, f32x4.splat(largest))
        for (const one of [total, weighted]) clearSum(one)
        const weigh = ({ load, clear }: Lanes, vectors: number) => {
          for (let i = 0; i < vectors; i++) {
            local.set(logP, f32x4.sub(load(i32.add(a, c), i * 16), maxA))
            local.set(logQ, f32x4.sub(load(i32.add(b, c), i * 16), maxB))
            local.set(p, logP)
            emitExp(p, { n, r, sum }, emitter.madd)
            clear(p)
            addToSum(total, p)
            local.set(logP, f32x4.mul(p, f32x4.sub(logP, logQ)))
            local.set(logP, v128.and(logP, f32x4.ne(p, splat(0))))
            addToSum(weighted, logP)
          }
        }
        forLanes(c, bytes, weigh, 2)
        f64.store({ offset: 0 }, totals, totalOf(weighted))
        f64.store({ offset: 8 }, totals, totalOf(total))
        f64.store({ offset: 16 }, totals, call(totalB, { x: b, width, largest }))
        for (const at of [a, b]) increment(at, bytes)
        increment(totals, TOTALS * 8)
      })
    },
  )
}
