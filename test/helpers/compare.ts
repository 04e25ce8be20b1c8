import type { Backend } from '../../engine/backend.ts'
import { showShape, type Shape, type Tensor } from '../../engine/tensor.ts'
import { reference } from './backends.ts'
import { hostOps, type HostOps } from './host-ops.ts'

/** What a formula says an op gives, and how far float32 may stray from it. */
export interface Expected {
  readonly shape: Shape
  readonly values: ArrayLike<number>
  /** What float32 roundings of an element are relative to: the sum of its terms' sizes, not its own size. */
  readonly magnitudes: ArrayLike<number>
  /** How many roundings of that size may add up where sums are float32. */
  readonly roundings: number
}

/** Half the distance from 1 to the next float32: the largest relative error of one rounding. */
const UNIT = 2 ** -24
/** Below 2^-126 float32 thins out (and some machines flush to zero). */
const SMALLEST = 2 ** -126

/**
 * Roundings of a float32 sum of `terms` products. Each output is summed over k in blocks of at most 256, and
 * the blocks' sums are added in order: a term passes through at most 256 additions in its block and
 * terms / 256 after it; 4 more are its product, the bias, the residual and the store. The classic bound
 * (Higham 2002, section 3.1) is that number times 2^-24 times the sum of |x_i w_i|.
 */
export function sumRoundings(terms: number): number {
  return Math.min(terms, 256) + Math.ceil(terms / 256) + 4
}

/**
 * Runs one op on `ops`. The reference backend, which sums in float64 and rounds each step once, must be within 3
 * roundings of the formula. Any other backend is held to the reference backend's result for the same call.
 */
export async function checkOp(
  ops: Backend,
  call: (host: HostOps) => Promise<Tensor>,
  expected: Expected,
): Promise<void> {
  const got = await call(hostOps(ops))
  checkShape(got.shape, expected.shape)
  const isReference = ops.name === 'reference'
  const oracle = isReference ? expected.values : (await call(hostOps(reference))).data
  const roundings = isReference ? Math.min(3, expected.roundings) : expected.roundings
  for (let i = 0; i < oracle.length; i++) {
    const limit = roundings === 0 ? 0 : roundings * UNIT * expected.magnitudes[i] + SMALLEST
    if (!agrees(got.data[i], oracle[i], limit))
      throw new Error(
        `${ops.name}: element ${i} of ${showShape(got.shape)} is ${got.data[i]}, expected ${oracle[i]} within ${limit}`,
      )
  }
}

/** NaN agrees with NaN alone, and an infinity with itself alone, whatever the limit. */
function agrees(got: number, expected: number, limit: number): boolean {
  if (!Number.isFinite(expected) || !Number.isFinite(got)) return Object.is(got, expected)
  return Math.abs(got - expected) <= (Number.isFinite(limit) ? limit : 0)
}

/** Bit for bit; 0 and -0 differ, all NaNs are one. */
export function checkSameBits(got: Tensor, expected: Tensor, what = 'result'): void {
  checkShape(got.shape, expected.shape, what)
  checkSameNumbers(got.data, expected.data, what)
}

export function checkSameNumbers(got: ArrayLike<number>, expected: ArrayLike<number>, what = 'result'): void {
  if (got.length !== expected.length)
    throw new Error(`${what}: ${got.length} numbers, expected ${expected.length}`)
  for (let i = 0; i < expected.length; i++)
    if (!Object.is(got[i], expected[i]))
      throw new Error(`${what}: element ${i} is ${got[i]}, expected the same bits as ${expected[i]}`)
}

function checkShape(got: Shape, expected: Shape, what = 'result'): void {
  if (showShape(got) !== showShape(expected))
    throw new Error(`${what}: shape ${showShape(got)}, expected ${showShape(expected)}`)
}

/** Runs `work`, which must fail, and gives its message. */
export async function messageOf(work: () => unknown): Promise<string> {
  try {
    await work()
  } catch (error) {
    if (error instanceof Error) return error.message
    throw error
  }
  throw new Error('expected an error, but nothing was thrown')
}
