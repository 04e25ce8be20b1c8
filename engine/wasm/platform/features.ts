// What this JavaScript engine can run of WebAssembly.
import { f32x4, func, i32, i32x4, local, Module, v128 } from 'wasmati'
import { splat } from '../emit.ts'

/** Found out by letting the engine validate tiny modules, never by its version. */
export interface WasmFeatures {
  /** 128-bit vectors. Without them there is no WebAssembly backend. */
  readonly simd: boolean
  /** Fused multiply-add, from relaxed SIMD. */
  readonly fused: boolean
  /** Sums of four products of 8-bit by 7-bit numbers, from relaxed SIMD. */
  readonly int8Dot: boolean
  /** Memory shared between threads: in a browser only on pages that are cross-origin isolated. */
  readonly shared: boolean
}

export function detectFeatures(): WasmFeatures {
  return {
    simd: validates(() => f32x4.add(splat(1), splat(2))),
    fused: validates(() => f32x4.relaxed_madd(splat(1), splat(2), splat(3))),
    int8Dot: validates(() => i32x4.relaxed_dot_i8x16_i7x16_add_s(splat(1), splat(2), splat(3))),
    shared: sharesMemory(),
  }
}

function validates(emitVector: () => void): boolean {
  const probe = func({ in: [], locals: [v128], out: [i32] }, (_, [result]) => {
    emitVector()
    local.set(result)
    v128.any_true(result)
  })
  return WebAssembly.validate(new Uint8Array(Module({ exports: { probe } }).toBytes()))
}

function sharesMemory(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false
  try {
    return (
      new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true }).buffer instanceof SharedArrayBuffer
    )
  } catch {
    return false
  }
}
