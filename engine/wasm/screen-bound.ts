/*
 * Exact screening: which outputs of x W + b can be positive, found in 8-bit integers, with a proof.
 *
 * A row x is split into a few large numbers, which stay float32, and a rest x', which becomes one or two digits of 7 bits:
 *     x' = step1 q1 + r1,   r1 = step2 q2 + r2,   q1 and q2 whole numbers in -63..63
 * and a column w_j of W becomes 8-bit numbers and what they leave over:
 *     w_j = scale_j v_j + d_j,   v_j whole numbers in -127..127
 * With one digit (x'' = step1 q1, r = r1) or two (x'' = step1 q1 + step2 q2, r = r2), exactly:
 *     x . w_j = large . w_j + scale_j (x'' . v_j) + r . w_j + x'' . d_j
 * The first two terms are computed. The last two are not; by Cauchy and Schwarz they are at most
 *     |r . w_j| + |x'' . d_j|  <=  |r| |w_j| + |x''| |d_j|.
 * Norms of rows and of columns are worked out once each, so the bound costs two multiply-adds an output.
 *
 * Float32 adds its roundings, in what is computed here and in the dense kernel whose result is to be matched. All of
 * these numbers are sums and products whose terms' sizes add up to no more than
 *     4 (|x| + |r1|) (|w_j| + |d_j|) + |b_j|,
 * so n roundings in a row err by at most gamma times that, gamma = n u / (1 - n u), u = 2^-24 (Higham 2002,
 * section 3.1). Gamma times the row's part joins the row's factors of |w_j| and |d_j|, gamma |b_j| joins b_j. If what is
 * computed, plus all of this, is not above zero, then the dense kernel's number is not either, and ReLU makes it 0.
 * Underflow, which no relative error covers, is kept below gamma by the limits LEAST and MOST; what lies outside of
 * them is computed densely.
 */

/** The unit roundoff of float32. */
const UNIT = 2 ** -24
/** Must be SUM_BLOCK of tile.ts, which only code that emits kernels may load; a test compares them. */
export const DENSE_BLOCK = 128
/** The most numbers of a row that stay float32. */
export const MAX_LARGE = 32
/** What is larger than this many times the root mean square of the rest stays float32. */
const LARGE = 4
/** Digits are stored with this added, in 0..127: relaxed dot products of more than 7 bits differ between machines. */
export const DIGIT_OFFSET = 64
const DIGIT_MAX = 63
/** 32-bit sums of so many products of 7 bits by 8 bits cannot overflow. */
export const MAX_INPUTS = 100_000
/**
 * Rows' norms and steps, and columns' largest numbers, are screened within these limits: products of three of their
 * constants then stay in float32's normal range, and lost digits of products below it are far less than gamma's share.
 */
export const [LEAST, MOST] = [2 ** -50, 2 ** 50]

/** The error of float32 in the screen and in the dense kernel together, relative to the sizes of the terms. */
export function roundingError(inputs: number): number {
  const dense = Math.min(inputs, DENSE_BLOCK) + Math.ceil(inputs / DENSE_BLOCK) + 3
  const screen = MAX_LARGE + 20
  const residual = 2 * Math.sqrt(inputs) // |d_j|, made of numbers that are each off by two roundings of the column's largest
  const n = (dense + screen + residual) * UNIT
  return n / (1 - n)
}

/** One or two digits of a row: its last step, and the factors of |w_j| and of |d_j| in the bound. */
export interface DigitBound {
  readonly step: number
  readonly ofNorm: number
  readonly ofResidual: number
}

/** A row of x made ready: x = large numbers + step1 q1 + step2 q2 + what is left. */
export interface ScreenedRow {
  readonly largeIndices: readonly number[]
  readonly one: DigitBound
  readonly two: DigitBound
}

/**
 * Splits a row, writing its digits (plus DIGIT_OFFSET) to `first` and `second`. `boundFactor` is 1, except in the test
 * that shows that a smaller bound loses outputs.
 * @returns undefined if the row holds NaN, infinity, or numbers too small or large for the bound to be right
 */
export function screenRow(
  x: Float32Array,
  first: Uint8Array,
  second: Uint8Array,
  boundFactor = 1,
): ScreenedRow | undefined {
  const { limit, largest, norm } = largeNumbers(x)
  const step1 = largest === 0 ? 1 : Math.fround(largest / DIGIT_MAX)
  if (!(norm <= MOST && step1 >= LEAST && (norm >= LEAST || norm === 0))) return undefined
  const step2 = Math.fround(step1 / (2 * DIGIT_MAX))
  const [perStep1, perStep2] = [1 / step1, 1 / step2]
  const largeIndices: number[] = []
  let [r1, x1, r2, x2] = [0, 0, 0, 0] // squares of the norms of r1, step1 q1, r2, step1 q1 + step2 q2
  for (let k = 0; k < x.length; k++) {
    let value = x[k]
    if (Math.abs(value) > limit) {
      largeIndices.push(k)
      value = 0
    }
    const digit1 = Math.floor(value * perStep1 + (DIGIT_OFFSET + 0.5))
    const part1 = (digit1 - DIGIT_OFFSET) * step1
    const rest1 = value - part1
    const digit2 = Math.floor(rest1 * perStep2 + (DIGIT_OFFSET + 0.5))
    const rest2 = rest1 - (digit2 - DIGIT_OFFSET) * step2
    first[k] = digit1
    second[k] = digit2
    r1 += rest1 * rest1
    x1 += part1 * part1
    r2 += rest2 * rest2
    x2 += (value - rest2) * (value - rest2)
  }
  const rounding = roundingError(x.length) * 4 * (norm + Math.sqrt(r1))
  const bound = (step: number, rest: number, quantised: number): DigitBound => ({
    step,
    ofNorm: roundUp(boundFactor * (Math.sqrt(rest) + rounding)),
    ofResidual: roundUp(boundFactor * (Math.sqrt(quantised) + rounding)),
  })
  return { largeIndices, one: bound(step1, r1, x1), two: bound(step2, r2, x2) }
}

/** A float32 at least as large, with room for the roundings of float64 sums and of the bound's own products. */
function roundUp(x: number): number {
  return Math.fround(x * (1 + 2 ** -19))
}

/**
 * Above which size numbers of a row stay float32, the largest of the others, and the norm of all.
 * Taking numbers out makes the others' root mean square smaller, so this is repeated; at most MAX_LARGE go.
 */
function largeNumbers(x: Float32Array): { limit: number; largest: number; norm: number } {
  let rest = numbersUpTo(x, Infinity)
  const norm = Math.sqrt(rest.squares)
  let limit = Infinity
  for (;;) {
    const next = LARGE * Math.sqrt(rest.squares / rest.count)
    if (!(rest.largest > next)) return { limit, largest: rest.largest, norm }
    const fewer = numbersUpTo(x, next)
    if (x.length - fewer.count > MAX_LARGE) return { limit, largest: rest.largest, norm }
    limit = next
    rest = fewer
  }
}

/** Of a row's numbers no larger than `limit`: how many there are, the sum of their squares, the largest. */
function numbersUpTo(x: Float32Array, limit: number): { count: number; squares: number; largest: number } {
  let [count, squares, largest] = [0, 0, 0]
  for (let k = 0; k < x.length; k++) {
    const size = Math.abs(x[k])
    if (size > limit) continue // NaN stays, and makes the sum NaN
    count++
    squares += size * size
    if (size > largest) largest = size
  }
  return { count, squares, largest }
}
