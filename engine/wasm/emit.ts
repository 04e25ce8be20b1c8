import { block, br, br_if, f32x4, i32, if_, local, loop, v128 } from 'wasmati'
import type { Input, Local, StackVar } from 'wasmati'

/**
 * The few shapes of code that every kernel is made of. A kernel file reads: the loop it is, as a comment,
 * then the calls that emit it. Addresses are bytes and unsigned: the memory may be 4 GiB long.
 * Emission happens in the order of JavaScript's calls, so of an instruction's operands at most the last may have been
 * emitted before its neighbours: write f32x4.add(f32x4.mul(a, b), c), and never a constant ahead of a product.
 */

export type I32 = Local<'i32'>
export type V128 = Local<'v128'>
export type I32Input = Input<'i32'>

/** A vector: a local, or a constant in all four lanes. */
export type Operand = V128 | number

/** Multiplies and adds: fused where the module may use relaxed SIMD, else as two rounded steps. */
export type MultiplyAdd = (a: Operand, b: Operand, c: Operand) => StackVar<'v128'>

/** a * b + c, four lanes at a time. `fused` needs an engine with relaxed SIMD (see features.ts). */
export function multiplyAdd(fused: boolean): MultiplyAdd {
  const value = (x: Operand) => (typeof x === 'number' ? splat(x) : x)
  return fused
    ? (a, b, c) => f32x4.relaxed_madd(value(a), value(b), value(c))
    : (a, b, c) => f32x4.add(f32x4.mul(value(a), value(b)), value(c))
}

/** A constant in all four lanes. */
export function splat(value: number): StackVar<'v128'> {
  return v128.const('f32x4', [value, value, value, value])
}

/** do { body } while (what body leaves on the stack) */
export function doWhile(body: () => StackVar<'i32'>): void {
  loop(null, (again) => {
    body()
    br_if(again)
  })
}

/** while (i < end) body   (unsigned) */
export function whileBelow(i: I32, end: I32Input, body: () => void): void {
  block(null, (done) => {
    loop(null, (again) => {
      i32.ge_u(i, end)
      br_if(done)
      body()
      br(again)
    })
  })
}

/** for (; i < end; i += step) body   (unsigned; i starts at what it holds) */
export function forUpTo(i: I32, end: I32Input, step: number, body: () => void): void {
  whileBelow(i, end, () => {
    body()
    increment(i, step)
  })
}

/** if (condition) then, else otherwise. The condition is a local, or what was emitted last. */
export function when(condition: I32 | StackVar<'i32'>, then: () => void, otherwise?: () => void): void {
  if (condition.kind === 'local') local.get(condition)
  if_(null, then, otherwise)
}

/** x += by */
export function increment(x: I32, by: I32Input): void {
  local.set(x, i32.add(x, by))
}

/** x = min(x, limit)   (unsigned) */
export function limitTo(x: I32, limit: I32): void {
  when(i32.gt_u(x, limit), () => local.set(x, limit))
}
