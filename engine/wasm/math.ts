/*
 * exp and GELU, four lanes at a time, as polynomials.
 *
 * exp(x) = 2^n e^r with n = round(x / ln 2) and r = x - n ln 2, so |r| <= ln 2 / 2; n ln 2 is taken away in two
 * parts, the first with so few bits that its product with n is exact. On that range
 * e^r = 1 + r + r^2 p(r), p of degree 4 through (e^r - 1 - r) / r^2 at the Chebyshev nodes: relative error 1.1e-8
 * before rounding. 2^n is multiplied in as two halves, so that results below 2^-126 and overflow to infinity come
 * out right. Measured over the whole range (test/node/wasm-math.test.ts): at most 2 units in the last place.
 */
import { f32x4, i32x4, local, v128 } from 'wasmati'
import { constant } from './constants.ts'
import { splat, type MultiplyAdd, type V128 } from './emit.ts'

/** The locals that `emitExp`, `emitGelu` and `emitGeluSlope` work in. */
export interface MathLocals {
  readonly n: V128
  readonly r: V128
  readonly sum: V128
}

/** x = exp(x). NaN stays NaN, -infinity gives 0, infinity stays. */
export function emitExp(x: V128, { n, r, sum }: MathLocals, madd: MultiplyAdd): void {
  // x = clamp(x); pmax(x, y) is x < y ? y : x, which leaves NaN in x, and pmin alike
  local.set(x, f32x4.pmax(x, constant('underflow')))
  local.set(x, f32x4.pmin(x, constant('overflow')))
  // n = ROUNDER + round(x / ln 2); r = x - round(x / ln 2) ln 2
  local.set(n, madd(x, 'log2e', 'rounder'))
  local.set(sum, f32x4.sub(n, constant('rounder')))
  local.set(r, madd(sum, 'lessLn2High', x))
  local.set(r, madd(sum, 'lessLn2Low', r))
  // sum = 1 + r + r^2 p(r)
  local.set(sum, constant('exp4'))
  for (const coefficient of ['exp3', 'exp2', 'exp1', 'exp0', 'one', 'one'] as const)
    local.set(sum, madd(sum, r, coefficient))
  // n -= ROUNDER, as whole numbers: x = sum * 2^(n >> 1) * 2^(n - (n >> 1)), powers of two as a float's exponent bits
  local.set(n, i32x4.sub(n, constant('rounder')))
  local.set(r, i32x4.shr_s(n, 1))
  local.set(sum, f32x4.mul(sum, i32x4.shl(i32x4.add(r, constant('exponentBias')), 23)))
  local.set(x, f32x4.mul(sum, i32x4.shl(i32x4.add(i32x4.sub(n, r), constant('exponentBias')), 23)))
}

/**
 * x = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3): GPT-2's GELU, because (1 + tanh u) / 2 = 1 / (1 + exp(-2u)).
 * Unlike 1 + tanh, this form loses no digits where x is negative. As in the plain formula, -infinity gives NaN.
 */
export function emitGelu(x: V128, exponent: V128, locals: MathLocals, madd: MultiplyAdd): void {
  local.set(exponent, f32x4.mul(x, x))
  local.set(exponent, madd(exponent, 'gelu3', 'gelu1'))
  local.set(exponent, f32x4.mul(exponent, x))
  emitExp(exponent, locals, madd)
  local.set(x, f32x4.div(x, f32x4.add(exponent, constant('one'))))
}

/** x = gelu'(x) = s + s (1 - s) x 2u', with s = 1 / (1 + exp(-2u)) and u' = sqrt(2/pi) (1 + 3 * 0.044715 x^2). */
export function emitGeluSlope(x: V128, exponent: V128, locals: MathLocals, madd: MultiplyAdd): void {
  const { n: s, r: slope } = locals
  local.set(exponent, f32x4.mul(x, x))
  local.set(exponent, madd(exponent, 'gelu3', 'gelu1'))
  local.set(exponent, f32x4.mul(exponent, x))
  emitExp(exponent, locals, madd)
  // s = 1 / (1 + exponent)
  local.set(exponent, f32x4.add(exponent, constant('one')))
  local.set(s, f32x4.div(constant('one'), exponent))
  // slope = -2u' x (s - 1)
  local.set(slope, f32x4.mul(x, x))
  local.set(slope, f32x4.mul(slope, splat(3)))
  local.set(slope, madd(slope, 'gelu3', 'gelu1'))
  local.set(slope, f32x4.mul(slope, x))
  local.set(slope, f32x4.mul(slope, f32x4.sub(s, constant('one'))))
  local.set(x, madd(s, slope, s))
}

/*
 * The share of a normal distribution below -|x| is e^(-x^2 / 2) t p(t) with t = 1 / (1 + 0.28 |x|): p of degree 8 by least
 * squares over all x, reweighted until the largest relative error, 1.2e-7 before rounding, was the same everywhere. All
 * coefficients are small: little is lost in the sum.
 */
const TAIL_SLOPE = 0.28
const TAIL = [
  0.11170396627806692, 0.1116946505410264, 0.10316234723275167, 0.08309361295192892, 0.07474999311650417,
  -0.010552590392793647, 0.09725442872775006, -0.0965852079855404, 0.025478767644805188,
]

/** x = x times the share of a normal distribution below x: the exact GELU. As in the plain formula, -infinity gives NaN. */
export function emitGeluErf(x: V128, exponent: V128, t: V128, locals: MathLocals, madd: MultiplyAdd): void {
  // exponent = exp(-x^2 / 2)
  local.set(exponent, f32x4.mul(f32x4.mul(x, x), splat(-0.5)))
  emitExp(exponent, locals, madd)
  // exponent *= t p(t)
  const { sum } = locals
  local.set(t, f32x4.abs(x))
  local.set(t, f32x4.div(splat(1), madd(t, TAIL_SLOPE, 1)))
  local.set(sum, splat(TAIL[TAIL.length - 1]))
  for (const coefficient of TAIL.slice(0, -1).reverse()) local.set(sum, madd(sum, t, coefficient))
  local.set(exponent, f32x4.mul(exponent, f32x4.mul(sum, t)))
  // x *= x < 0 ? exponent : 1 - exponent
  local.set(sum, f32x4.sub(splat(1), exponent))
  local.set(x, f32x4.mul(x, v128.bitselect(exponent, sum, f32x4.lt(x, splat(0)))))
}
