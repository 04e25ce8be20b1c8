/*
 * exp and GELU, four lanes at a time, as polynomials.
 *
 * exp(x) = 2^n e^r with n = round(x / ln 2) and r = x - n ln 2, so |r| <= ln 2 / 2; n ln 2 is taken away in two
 * parts, the first with so few bits that its product with n is exact. On that range
 * e^r = 1 + r + r^2 p(r), p of degree 4 through (e^r - 1 - r) / r^2 at the Chebyshev nodes: relative error 1.1e-8
 * before rounding. 2^n is multiplied in as two halves, so that results below 2^-126 and overflow to infinity come
 * out right. Measured over the whole range (test/node/wasm-math.test.ts): at most 2 units in the last place.
 */
import { f32x4, i32x4, local } from 'wasmati'
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
