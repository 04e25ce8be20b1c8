/*
 * The constants of exp and GELU lie in memory, in every module's only data. V8 keeps no vector constant in a register:
 * it makes each anew where it is used, in four instructions, where reading one from the first cache takes one. That
 * was two thirds of an exp.
 */
import { Const, data, i32, v128, type importMemory, type StackVar } from 'wasmati'
import { CONSTANTS_AT } from './memory.ts'

/** A whole number, as a float32 of the same bits. */
const bitsOf = (whole: number): number => new Float32Array(Uint32Array.of(whole).buffer)[0]

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI)

/** At most 16: as many as there is room for. */
const CONSTANTS = {
  log2e: Math.LOG2E,
  /** Added to a small number it leaves no bits for a fraction: the sum's last bits are the rounded number. */
  rounder: 1.5 * 2 ** 23,
  /** -ln 2 in two parts, the first with so few bits that its product with a whole number up to 2^8 is exact. */
  lessLn2High: -0.693359375,
  lessLn2Low: 2.12194440054690581e-4,
  /** p's coefficients, constant first: see math.ts. */
  exp0: 0.5,
  exp1: 0.16666576266288757,
  exp2: 0.041666556149721146,
  exp3: 0.008363178931176662,
  exp4: 0.0013926184037700295,
  one: 1,
  /** e^-104 rounds to 0. */
  underflow: -104,
  /** e^89 rounds to infinity. */
  overflow: 89,
  /** What a float's exponent bits are above the exponent. */
  exponentBias: bitsOf(127),
  gelu1: -2 * SQRT_2_OVER_PI,
  gelu3: -2 * SQRT_2_OVER_PI * 0.044715,
} as const
export type ConstantName = keyof typeof CONSTANTS
const NAMES = Object.keys(CONSTANTS)

/** A constant in all four lanes. */
export function constant(name: ConstantName): StackVar<'v128'> {
  return v128.load32_splat({ offset: CONSTANTS_AT + 4 * NAMES.indexOf(name) }, i32.const(0))
}

/** Makes them the data of the module that imports `memory`: they are there when it is instantiated. */
export function constantsIn(memory: ReturnType<typeof importMemory>): void {
  const bytes = new Uint8Array(Float32Array.from(Object.values(CONSTANTS)).buffer)
  data({ memory, offset: Const.i32(CONSTANTS_AT) }, bytes)
}
