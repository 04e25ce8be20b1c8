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
import { splat, type MultiplyAdd, type V128 } from './emit.ts'

const EXP = [0.5, 0.16666576266288757, 0.041666556149721146, 0.008363178931176662, 0.0013926184037700295]
const LN2_HIGH = 0.693359375
const LN2_LOW = -2.12194440054690581e-4
/** Added to a small number it leaves no bits for a fraction: the sum's last bits are the rounded number. */
const ROUNDER = 1.5 * 2 ** 23
const EXP_UNDERFLOW = -104 // e^-104 rounds to 0
const EXP_OVERFLOW = 89 // e^89 rounds to infinity

/** The locals that `emitExp`, `emitGelu` and `emitGeluSlope` work in. */
export interface MathLocals {
  readonly n: V128
  readonly r: V128
  readonly sum: V128
}

/** x = exp(x). NaN stays NaN, -infinity gives 0, infinity stays. */
export function emitExp(x: V128, { n, r, sum }: MathLocals, madd: MultiplyAdd): void {
  // x = clamp(x); pmax(x, y) is x < y ? y : x, which leaves NaN in x, and pmin alike
  local.set(x, f32x4.pmax(x, splat(EXP_UNDERFLOW)))
  local.set(x, f32x4.pmin(x, splat(EXP_OVERFLOW)))
  // n = ROUNDER + round(x / ln 2); r = x - round(x / ln 2) ln 2
  local.set(n, madd(x, Math.LOG2E, ROUNDER))
  local.set(sum, f32x4.sub(n, splat(ROUNDER)))
  local.set(r, madd(sum, -LN2_HIGH, x))
  local.set(r, madd(sum, -LN2_LOW, r))
  // sum = 1 + r + r^2 p(r)
  local.set(sum, splat(EXP[4]))
  for (const coefficient of [EXP[3], EXP[2], EXP[1], EXP[0], 1, 1]) local.set(sum, madd(sum, r, coefficient))
  // n -= ROUNDER, as whole numbers: x = sum * 2^(n >> 1) * 2^(n - (n >> 1)), powers of two as a float's exponent bits
  local.set(n, i32x4.sub(n, splat(ROUNDER)))
  local.set(r, i32x4.shr_s(n, 1))
  local.set(sum, f32x4.mul(sum, i32x4.shl(i32x4.add(r, i32x4.splat(127)), 23)))
  local.set(x, f32x4.mul(sum, i32x4.shl(i32x4.add(i32x4.sub(n, r), i32x4.splat(127)), 23)))
}

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI)

/**
 * x = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3): GPT-2's GELU, because (1 + tanh u) / 2 = 1 / (1 + exp(-2u)).
 * Unlike 1 + tanh, this form loses no digits where x is negative. As in the plain formula, -infinity gives NaN.
 */
export function emitGelu(x: V128, exponent: V128, locals: MathLocals, madd: MultiplyAdd): void {
  local.set(exponent, f32x4.mul(x, x))
  local.set(exponent, madd(exponent, -2 * SQRT_2_OVER_PI * 0.044715, -2 * SQRT_2_OVER_PI))
  local.set(exponent, f32x4.mul(exponent, x))
  emitExp(exponent, locals, madd)
  local.set(x, f32x4.div(x, f32x4.add(exponent, splat(1))))
}

/** x = gelu'(x) = s + s (1 - s) x 2u', with s = 1 / (1 + exp(-2u)) and u' = sqrt(2/pi) (1 + 3 * 0.044715 x^2). */
export function emitGeluSlope(x: V128, exponent: V128, locals: MathLocals, madd: MultiplyAdd): void {
  const { n: s, r: slope } = locals
  local.set(exponent, f32x4.mul(x, x))
  local.set(exponent, madd(exponent, -2 * SQRT_2_OVER_PI * 0.044715, -2 * SQRT_2_OVER_PI))
  local.set(exponent, f32x4.mul(exponent, x))
  emitExp(exponent, locals, madd)
  local.set(s, f32x4.div(splat(1), f32x4.add(exponent, splat(1))))
  local.set(slope, f32x4.mul(x, x))
  local.set(slope, madd(slope, 6 * SQRT_2_OVER_PI * 0.044715, 2 * SQRT_2_OVER_PI))
  local.set(slope, f32x4.mul(slope, x))
  local.set(slope, f32x4.mul(slope, f32x4.sub(splat(1), s)))
  local.set(x, madd(s, slope, s))
}
