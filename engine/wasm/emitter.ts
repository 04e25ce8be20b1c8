// What every kernel file is given when it emits its functions.
import { multiplyAdd, type MultiplyAdd } from './emit.ts'

/**
 * How whole numbers of 8 bits are multiplied and added; all give the same sums.
 * dot: four products per instruction (relaxed SIMD; fast where the processor has it too). pairs: two products, then
 * pairs of those (relaxed SIMD). widened: numbers made 16-bit first (any SIMD).
 */
export type Int8Method = 'dot' | 'pairs' | 'widened'

/** What a module's code is generated for. */
export interface KernelOptions {
  /** Fused multiply-add (relaxed SIMD); otherwise multiply, round, add, round. */
  readonly fused: boolean
  /** Columns of a weight panel: 8 fills the registers with 128-bit vectors, 16 with the 256-bit pairs V8 can make of them. */
  readonly panel: 8 | 16
  readonly int8: Int8Method
  /** Whether the compiler was told to pair vectors. Part of the module's bytes, because V8 keeps compiled code by them. */
  readonly paired: boolean
  /** Whether the memory is shared between threads. */
  readonly shared: boolean
}

/** What each kernel file emits its functions with. */
export interface Emitter extends KernelOptions {
  readonly madd: MultiplyAdd
}

export function emitterFor(options: KernelOptions): Emitter {
  return { ...options, madd: multiplyAdd(options.fused) }
}
