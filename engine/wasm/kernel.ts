import { multiplyAdd, type MultiplyAdd } from './emit.ts'

/** What a module's code is generated for. */
export interface KernelOptions {
  /** Fused multiply-add (relaxed SIMD); otherwise multiply, round, add, round. */
  readonly fused: boolean
  /** Columns of a weight panel: 8 fills the registers with 128-bit vectors, 16 with the 256-bit pairs V8 can make of them. */
  readonly panel: 8 | 16
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
