import { f32x4, f64, i32, local, v128 } from 'wasmati'
import { addToSum, clearSum, forLanes, forUpTo, increment, splat, totalOf, type Lanes } from './emit.ts'
import { forBlocks } from './cross-entropy.ts'
import type { Engine } from './engine.ts'
import { call, func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { i32s, KERNELS } from './kernels.ts'
import { exponentialsOfRow, largestOfRow, totalOfRow } from './softmax.ts'
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
  const [largestOf, exponentials, totalOf] = [largestOfRow(), exponentialsOfRow(emitter), totalOfRow()]
  const weightedOf = weightedOfBlock()
  return func(
    { in: KERNELS.klDivergence, locals: { i32: 5, f32: 2, f64: 3 } },
    (
      { a, b, totals, width, first, last, scratch },
      { i32: [bytes, at, end, count, beside], f32: [largestA, largestB], f64: [weighted, totalA, totalB] },
    ) => {
      const blocks = { at, end, count }
      local.set(bytes, i32.mul(width, 4))
      for (const row of [a, b]) increment(row, i32.mul(first, bytes))
      increment(totals, i32.mul(first, TOTALS * 8))
      forUpTo(first, last, 1, () => {
        local.set(largestA, call(largestOf, { x: a, width }))
        local.set(largestB, call(largestOf, { x: b, width }))
        for (const sum of [weighted, totalA, totalB]) local.set(sum, f64.const(0))
        local.set(at, a)
        local.set(beside, b)
        local.set(end, i32.add(a, bytes))
        const block = { out: scratch, width: count }
        forBlocks(blocks, () => {
          call(exponentials, { x: beside, ...block, largest: largestB })
          local.set(totalB, f64.add(totalB, call(totalOf, { x: scratch, width: count })))
          call(exponentials, { x: at, ...block, largest: largestA })
          local.set(totalA, f64.add(totalA, call(totalOf, { x: scratch, width: count })))
          const logs = { a: at, b: beside, largestA, largestB }
          local.set(weighted, f64.add(weighted, call(weightedOf, { p: scratch, width: count, ...logs })))
          increment(beside, i32.shl(count, 2))
        })
        for (const [i, sum] of [weighted, totalA, totalB].entries()) f64.store({ offset: i * 8 }, totals, sum)
        for (const row of [a, b]) increment(row, bytes)
        increment(totals, TOTALS * 8)
      })
    },
  )
}

/** The sum of p[i] ((a[i] - largestA) - (b[i] - largestB)) where p[i] is not 0, in float64. */
function weightedOfBlock() {
  return func(
    {
      in: { ...i32s('p a b width'), largestA: 'f32', largestB: 'f32' },
      locals: { i32: 2, v128: 7 },
      out: 'f64',
    },
    (
      { p, a, b, width, largestA, largestB },
      { i32: [c, end], v128: [weight, logP, logQ, maxA, maxB, low, high] },
    ) => {
      local.set(end, i32.mul(width, 4))
      local.set(maxA, f32x4.splat(largestA))
      local.set(maxB, f32x4.splat(largestB))
      clearSum({ low, high })
      const add = ({ load, clear }: Lanes, vectors: number) => {
        for (let i = 0; i < vectors; i++) {
          local.set(weight, load(i32.add(p, c), i * 16))
          clear(weight)
          local.set(logP, f32x4.sub(load(i32.add(a, c), i * 16), maxA))
          local.set(logQ, f32x4.sub(load(i32.add(b, c), i * 16), maxB))
          local.set(logP, f32x4.mul(weight, f32x4.sub(logP, logQ)))
          local.set(logP, v128.and(logP, f32x4.ne(weight, splat(0))))
          addToSum({ low, high }, logP)
        }
      }
      forLanes(c, end, add, 4)
      totalOf({ low, high })
    },
  )
}
