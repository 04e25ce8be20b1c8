/*
 * The few shapes of code that every kernel is made of. A kernel file reads: the loop it is, as a comment,
 * then the calls that emit it. Addresses are bytes and unsigned: the memory may be 4 GiB long.
 * Emission happens in the order of JavaScript's calls, so of an instruction's operands at most the last may have been
 * emitted before its neighbours: write f32x4.add(f32x4.mul(a, b), c), and never a constant ahead of a product.
 */
import { block, br, br_if, f32x4, f64, f64x2, i32, i8x16, if_, local, loop, memory, v128 } from 'wasmati'
import type { Input, Local, StackVar } from 'wasmati'
import { constant, type ConstantName } from './constants.ts'

export type I32 = Local<'i32'>
export type V128 = Local<'v128'>
export type I32Input = Input<'i32'>

/** A vector: a local, or a constant in all four lanes, from memory where it has a name. */
export type Operand = V128 | ConstantName | number

/** Multiplies and adds: fused where the module may use relaxed SIMD, else as two rounded steps. */
export type MultiplyAdd = (a: Operand, b: Operand, c: Operand) => StackVar<'v128'>

/** a * b + c, four lanes at a time. `fused` needs an engine with relaxed SIMD (see features.ts). */
export function multiplyAdd(fused: boolean): MultiplyAdd {
  const value = (x: Operand) => (typeof x === 'string' ? constant(x) : typeof x === 'number' ? splat(x) : x)
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

/** while (not what isDone leaves on the stack) body */
function loopUntil(isDone: () => void, body: () => void): void {
  block(null, (done) => {
    loop(null, (again) => {
      isDone()
      br_if(done)
      body()
      br(again)
    })
  })
}

/** while (i < end) body   (unsigned) */
export function whileBelow(i: I32, end: I32Input, body: () => void): void {
  loopUntil(() => i32.ge_u(i, end), body)
}

/** while (i >= least) body   (unsigned) */
export function whileAtLeast(i: I32, least: number, body: () => void): void {
  loopUntil(() => i32.lt_u(i, least), body)
}

/** for (; i < end; i += step) body   (unsigned; i starts at what it holds) */
export function forUpTo(i: I32, end: I32Input, step: number, body: () => void): void {
  whileBelow(i, end, () => {
    body()
    increment(i, step)
  })
}

/** for each row from `first` to `last` (exclusive), of `bytes`: body, with each pointer at that row   (overwrites `first`) */
export function forRows(
  { first, last, bytes }: Readonly<Record<'first' | 'last' | 'bytes', I32>>,
  pointers: readonly I32[],
  body: () => void,
): void {
  for (const at of pointers) increment(at, i32.mul(first, bytes))
  forUpTo(first, last, 1, () => {
    body()
    for (const at of pointers) increment(at, bytes)
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

/** to = from, `bytes` of it */
export function copyBytes(to: I32, from: I32, bytes: I32): void {
  for (const operand of [to, from, bytes]) local.get(operand)
  memory.copy()
}

/** at = 0, `bytes` of it */
export function zeroBytes(at: I32, bytes: I32): void {
  local.get(at)
  i32.const(0)
  local.get(bytes)
  memory.fill()
}

/** Four lanes at a time, or the single ones that are left at a row's end. */
export interface Lanes {
  readonly numbers: 1 | 4 // of each vector
  readonly load: (address: I32Input, offset?: number) => StackVar<'v128'>
  readonly store: (address: I32Input, value: V128, offset?: number) => void
  /** Zeroes the lanes that hold no number of the row. */
  readonly clear: (value: V128) => void
  /** The same for four lanes that have become two vectors of float64. */
  readonly clearHalves: (low: V128, high: V128) => void
}

const FOUR: Lanes = {
  numbers: 4,
  load: (address, offset = 0) => v128.load({ offset }, address),
  store: (address, value, offset = 0) => v128.store({ offset }, address, value),
  clear: () => undefined,
  clearHalves: () => undefined,
}

/** One number; loading it fills all four lanes with it. */
const SINGLE: Lanes = {
  numbers: 1,
  load: (address, offset = 0) => v128.load32_splat({ offset }, address),
  store: (address, value, offset = 0) => v128.store32_lane({ offset }, 0, address, value),
  clear: (value) =>
    local.set(value, v128.and(value, v128.const('i16x8', [0xffff, 0xffff, 0, 0, 0, 0, 0, 0]))),
  clearHalves: (low, high) => {
    local.set(low, v128.and(low, v128.const('i64x2', [0xffffffffffffffffn, 0n])))
    local.set(high, v128.const('i64x2', [0n, 0n]))
  },
}

/**
 * for (c = 0; c < bytes; ) body   with c in bytes: `wide` vectors of four numbers per step, then one vector, then
 * single numbers. The body is emitted for each of these, and loads and stores through the lanes it is given.
 */
export function forLanes(c: I32, bytes: I32, body: (lanes: Lanes, vectors: number) => void, wide = 1): void {
  const steps = (lanes: Lanes, vectors: number, size: number) => {
    const isDone = () => i32.gt_u(i32.add(c, size), bytes)
    loopUntil(isDone, () => {
      body(lanes, vectors)
      increment(c, size)
    })
  }
  local.set(c, i32.const(0))
  if (wide > 1) steps(FOUR, wide, wide * 16)
  steps(FOUR, 1, 16)
  steps(SINGLE, 1, 4)
}

/** Float64 sums of four lanes, as two vectors of two: what float32 sums of long rows would lose. */
export interface Sum64 {
  readonly low: V128
  readonly high: V128
}

export function clearSum({ low, high }: Sum64): void {
  for (const half of [low, high]) local.set(half, v128.const('f64x2', [0, 0]))
}

/** The upper two lanes of float32, as float64. */
export function promoteHigh(value: V128): StackVar<'v128'> {
  const upper = i8x16.shuffle([8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15], value, value)
  return f64x2.promote_low_f32x4(upper)
}

/** The lower halves of two vectors, side by side: an order for i8x16.shuffle. */
export const LOWER_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]

/** sum += value, four float32 lanes */
export function addToSum({ low, high }: Sum64, value: V128): void {
  local.set(low, f64x2.add(low, f64x2.promote_low_f32x4(value)))
  local.set(high, f64x2.add(high, promoteHigh(value)))
}

/** The sum of all four lanes. */
export function totalOf({ low, high }: Sum64): StackVar<'f64'> {
  local.set(low, f64x2.add(low, high))
  return f64.add(f64x2.extract_lane(0, low), f64x2.extract_lane(1, low))
}
