// Modules that measure what the processor can do at most.
import { f32x4, i16x8, i32, i32x4, local, v128, type StackVar } from 'wasmati'
import { doWhile, increment, type V128 } from '../emit.ts'
import { func, moduleBytes } from '../function.ts'
import type { Int8Method } from '../emitter.ts'
import { i32s } from '../kernels.ts'

/** The instructions that a peak is measured with. */
export interface Instructions {
  readonly fused: boolean // multiply-add in one instruction
  readonly paired: boolean // two 128-bit operations made into one of 256 bits
}

/** How 8-bit numbers are multiplied and added, as far as relaxed SIMD has instructions for it. */
type RelaxedInt8 = Exclude<Int8Method, 'widened'>

const STEPS = 96
/** Operations of one round of `float32`: a multiplication and an addition in each of 4 lanes. */
export const FLOAT32_PER_ROUND = STEPS * 4 * 2
/** Operations of one round of 8-bit numbers: 16 multiplications and 16 additions a step. */
export const INT8_PER_ROUND = STEPS * 16 * 2

/**
 * A module with one function `peak(rounds, at)`: arithmetic in registers only, on enough independent sums to hide
 * its latency. It loads from `at` and stores there (24 vectors at most), so that no compiler drops the work.
 * Measured rates are compared with it, and the platform uses it to find out whether pairs become 256-bit code.
 */
export function peakModule(
  kind: 'float32' | RelaxedInt8,
  { fused, paired, shared }: Instructions & { readonly shared: boolean },
): Uint8Array<ArrayBuffer> {
  const step = kind !== 'float32' ? int8Steps[kind] : fused ? fusedStep : separateStep
  const count = paired ? 24 : 12
  const peak = func(
    { in: i32s('rounds at'), locals: { v128: 2 + count } },
    ({ rounds, at }, { v128: [x, y, ...sums] }) => {
      local.set(x, v128.load({ offset: 0 }, at))
      local.set(y, v128.load({ offset: 16 }, at))
      sums.forEach((sum, i) => local.set(sum, v128.load({ offset: i * 16 }, at)))
      // for each round: a step on each sum in turn
      doWhile(() => {
        for (let i = 0; i < STEPS; i++) local.set(sums[i % count], step(x, y, sums[i % count]))
        increment(rounds, -1)
        return i32.ne(rounds, 0)
      })
      sums.forEach((sum, i) => v128.store({ offset: i * 16 }, at, sum))
    },
  )
  return moduleBytes({ peak }, { paired, shared })
}

type Step = (x: V128, y: V128, sum: V128) => StackVar<'v128'>

const fusedStep: Step = (x, y, sum) => f32x4.relaxed_madd(x, y, sum)
/** Multiplies the sum itself: a product of x and y would be the same every time, and V8 would compute it once. */
const separateStep: Step = (x, y, sum) => f32x4.add(f32x4.mul(sum, x), y)
/** `pairs` multiplies the sum itself, too; what its 16-bit sums hold means nothing. */
const int8Steps: Readonly<Record<RelaxedInt8, Step>> = {
  dot: (x, y, sum) => i32x4.relaxed_dot_i8x16_i7x16_add_s(x, y, sum),
  pairs: (_, y, sum) => i16x8.add(i16x8.relaxed_dot_i8x16_i7x16_s(sum, y), sum),
}

/** What an instance of a peak module exports. */
export interface Peak {
  peak(rounds: number, at: number): void
}
