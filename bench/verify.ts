// Verification: whatever is timed is first checked against the reference backend, in some rows at least.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import { sliceRows, toDense, type SparseRows } from '../engine/sparse.ts'
import { Tensor, showShape, type Shape } from '../engine/tensor.ts'
import type { Around, OpCall } from './wrap-ops.ts'

/** Errors may be as large as this share of the largest number expected: float32 sums over 3,072 products stay far below. */
const TOLERANCE = 1e-4
/** Rows that are recomputed at the beginning, in the middle and at the end of a result. */
const WINDOW = 4

/** Compares a result with the reference's. @throws with the shape, the largest error and its place */
export function checkClose(what: string, shape: Shape, got: Float32Array, expected: Float32Array): void {
  if (got.length !== expected.length)
    throw new Error(
      `${what}: wrong result: ${got.length} numbers, but ${showShape(shape)} has ${expected.length}`,
    )
  let scale = 0
  let worst = 0
  let at = -1
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]))
    const error = Math.abs(got[i] - expected[i])
    if (!(error <= worst)) {
      worst = error // NaN too, which no later error replaces
      at = i
      if (Number.isNaN(error)) break
    }
  }
  if (worst <= TOLERANCE * scale) return
  throw new Error(
    `${what} ${showShape(shape)}: wrong result, nothing is timed: largest error ${worst} at element ${at}, ` +
      `got ${got[at]}, the reference has ${expected[at]}; ${TOLERANCE * scale} is allowed`,
  )
}

/**
 * Wraps every op: recomputes some of its rows on the reference backend and throws at the first that differs.
 * `twins` maps each of the backend's prepared weights to the same weights on the reference backend.
 */
export function verifier(
  ops: Backend,
  reference: Backend,
  twins: ReadonlyMap<object, object>,
  nameOf: (call: OpCall) => string,
): Around {
  return async (call, run) => {
    const result = await run()
    const [rows] = (result as DeviceTensor | SparseRows).shape
    const got = isSparse(result) ? result : await ops.download(result as DeviceTensor)
    const twin = await onReference(ops, call, twins)
    for (const [from, to] of windows(rows)) {
      const expected = await recompute(reference, twin, from, to)
      const part = isSparse(got) ? toDense(sliceRows(got, from, to)) : got.rows(from, to)
      const name = `${ops.name} (${ops.mode}): ${nameOf(call)}, ${call.op}, rows ${from} to ${to} of ${rows},`
      checkClose(name, part.shape, part.data, expected.data)
    }
    return result
  }
}

/** At most three ranges of rows: first, middle, last. */
export function windows(rows: number): [from: number, to: number][] {
  if (rows <= 3 * WINDOW) return [[0, rows]]
  const middle = Math.floor((rows - WINDOW) / 2)
  return [0, middle, rows - WINDOW].map((from) => [from, from + WINDOW])
}

/** Ops in which a row of the result depends only on the same row of the inputs. */
const rowByRow = 'embed linear layerNorm center add subtract sparseEncode sparseDecode'.split(' ')

/** Rows `from` to `to` of an op's result, by the reference. All tensors of `call` are in host memory. */
async function recompute(reference: Backend, call: OpCall, from: number, to: number): Promise<Tensor> {
  const part = (arg: unknown): unknown => {
    if (arg instanceof Tensor) return arg.shape.length === 1 ? arg : arg.rows(from, to)
    if (Array.isArray(arg)) return arg.slice(from, to) // token ids
    if (isSparse(arg)) return sliceRows(arg, from, to)
    return isObject(arg) && 'residual' in arg ? { ...arg, residual: part(arg.residual) } : arg
  }
  if (call.op === 'attention') {
    const [q, k, v, heads, texts] = call.args
    if (texts.length > 1) throw new Error('verify: attention is checked on a single text')
    const keys = texts[0].keys - texts[0].queries + to // the last key that these queries may look at
    const upTo = (x: DeviceTensor) => (x as Tensor).rows(0, keys)
    const span = { queries: to - from, keys }
    return reference.download(
      await reference.attention((q as Tensor).rows(from, to), upTo(k), upTo(v), heads, [span]),
    )
  }
  if (!rowByRow.includes(call.op))
    throw new Error(`verify: ${call.op} has no check here; add one to bench/verify.ts`)
  const op = Reflect.get(reference, call.op) as (...args: unknown[]) => Promise<unknown>
  const result = await Reflect.apply(op, reference, call.args.map(part))
  return isSparse(result) ? toDense(result) : reference.download(result as DeviceTensor)
}

/** The same call for the reference backend: tensors in host memory, weights replaced by their twins. */
async function onReference(ops: Backend, call: OpCall, twins: ReadonlyMap<object, object>): Promise<OpCall> {
  const convert = async (arg: unknown): Promise<unknown> => {
    if (!isObject(arg) || isSparse(arg)) return arg
    if ('shape' in arg) return ops.download(arg as DeviceTensor)
    if ('residual' in arg) return { ...arg, residual: await convert(arg.residual) }
    return twins.get(arg) ?? arg
  }
  return { op: call.op, args: await Promise.all((call.args as unknown[]).map(convert)) } as OpCall
}

function isObject(x: unknown): x is object {
  return typeof x === 'object' && x !== null
}

function isSparse(x: unknown): x is SparseRows {
  return isObject(x) && 'offsets' in x
}

/** A scope's own result can only be a tensor. */
export async function inScope<T>(ops: Backend, work: (ops: Backend) => Promise<T>): Promise<T> {
  let result: T | undefined
  await ops.scope(async (ops) => void (result = await work(ops)))
  return result as T
}
