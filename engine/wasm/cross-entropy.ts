import { f64, i32, local } from 'wasmati'
import { forUpTo, increment, when, whileBelow, type I32 } from './emit.ts'
import type { Engine } from './engine.ts'
import { call, func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { KERNELS } from './kernels.ts'
import { exponentialsOfRow, largestOfRow, totalOfRow } from './softmax.ts'
import { Block, type WasmTensor } from './tensors.ts'
import { EXPONENTIALS } from './tile-sizes.ts'

/** What the kernel leaves of a row, and the host takes the logarithm of: two float64. */
const TOTALS = 2

/** out[r] = -log softmax(x[r])[targets[r]] for rows of x, by address. The logarithm, one per row, is the host's. */
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

/** totals[r] = the largest number, and the sum of exp(x[i] - largest), as float64, for a range of rows; see forBlocks. */
export function crossEntropy(emitter: Emitter) {
  const [largestOf, exponentials, totalOf] = [largestOfRow(), exponentialsOfRow(emitter), totalOfRow()]
  return func(
    { in: KERNELS.crossEntropy, locals: { i32: 4, f32: 1, f64: 1 } },
    (
      { x, totals, width, first, last, scratch },
      { i32: [bytes, at, end, count], f32: [largest], f64: [total] },
    ) => {
      local.set(bytes, i32.mul(width, 4))
      increment(x, i32.mul(first, bytes))
      increment(totals, i32.mul(first, TOTALS * 8))
      forUpTo(first, last, 1, () => {
        local.set(largest, call(largestOf, { x, width }))
        local.set(total, f64.const(0))
        local.set(at, x)
        local.set(end, i32.add(x, bytes))
        forBlocks({ at, end, count }, () => {
          call(exponentials, { x: at, out: scratch, width: count, largest })
          local.set(total, f64.add(total, call(totalOf, { x: scratch, width: count })))
        })
        f64.store({ offset: 0 }, totals, f64.promote_f32(largest))
        f64.store({ offset: 8 }, totals, total)
        increment(x, bytes)
        increment(totals, TOTALS * 8)
      })
    },
  )
}

/** for each block of `count` numbers from `at` to `end`: body. Few enough for their exponentials to stay in the first cache. */
export function forBlocks(
  { at, end, count }: Readonly<Record<'at' | 'end' | 'count', I32>>,
  body: () => void,
): void {
  whileBelow(at, end, () => {
    local.set(count, i32.shr_u(i32.sub(end, at), 2))
    when(i32.gt_u(count, EXPONENTIALS), () => local.set(count, i32.const(EXPONENTIALS)))
    body()
    increment(at, i32.shl(count, 2))
  })
}
