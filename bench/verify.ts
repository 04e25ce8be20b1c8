import type { Backend, DeviceTensor } from '../engine/backend.ts'
import { sliceRows, toDense, type SparseRows } from '../engine/sparse.ts'
import { showShape, type Shape, type Tensor } from '../engine/tensor.ts'
import type { Around, OpCall } from './wrap-ops.ts'

/** Errors may be as large as this share of the largest number expected: float32 sums over 3,072 products stay far below. */
const TOLERANCE = 1e-4
/** Rows that are recomputed at the beginning, in the middle and at the end of a result. */
const WINDOW = 4

/** Compares a result with the reference's. @throws with the shape, the largest error and where it is */
export function checkClose(
  what: string,
  shape: Shape,
  got: Float32Array,
  expected: Float32Array,
  tolerance = TOLERANCE,
): void {
  if (got.length !== expected.length)
    throw new Error(`${what}: ${got.length} numbers, but ${showShape(shape)} has ${expected.length}`)
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
  if (worst <= tolerance * scale) return
  throw new Error(
    `${what} ${showShape(shape)}: wrong result, nothing is timed: largest error ${worst} at element ${at}, ` +
      `got ${got[at]}, the reference has ${expected[at]}; ${tolerance * scale} is allowed`,
  )
}

/**
 * An observer that recomputes some rows of every op on the reference backend and throws at the first that differs.
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
    const rows = rowsOf(call)
    const got = isSparse(result) ? result : await ops.download(result as DeviceTensor)
    const onHost = await download(ops, call)
    for (const [from, to] of windows(rows)) {
      const expected = await recompute(reference, replaceTwins(onHost, twins), from, to)
      const part = isSparse(got) ? toDense(sliceRows(got, from, to)) : got.rows(from, to)
      const name = `${ops.name} (${ops.mode}): ${nameOf(call)}, ${call.op}, rows ${from} to ${to} of ${rows},`
      checkClose(name, part.shape, part.data, expected.data)
    }
    return result
  }
}

/** At most three ranges of rows: first, middle, last. */
function windows(rows: number): [from: number, to: number][] {
  if (rows <= 3 * WINDOW) return [[0, rows]]
  const middle = Math.floor((rows - WINDOW) / 2)
  return [0, middle, rows - WINDOW].map((from) => [from, from + WINDOW])
}

function rowsOf(call: OpCall): number {
  if (call.op === 'embed') return call.args[1].length
  if (call.op === 'append') return call.args[1].shape[0]
  return call.args[0].shape[0]
}

/** Rows `from` to `to` of an op's result, by the reference. All tensors of `call` are in host memory. */
async function recompute(reference: Backend, call: OpCall, from: number, to: number): Promise<Tensor> {
  const part = (x: DeviceTensor) => (x as Tensor).rows(from, to)
  const rows = async (result: Promise<DeviceTensor>) => reference.download(await result)
  switch (call.op) {
    case 'embed':
      return rows(reference.embed(call.args[0], call.args[1].slice(from, to)))
    case 'linear': {
      const [x, layer, { activation, residual } = {}] = call.args
      return rows(reference.linear(part(x), layer, { activation, residual: residual && part(residual) }))
    }
    case 'layerNorm':
      return rows(reference.layerNorm(part(call.args[0]), call.args[1], call.args[2]))
    case 'center':
      return rows(reference.center(part(call.args[0])))
    case 'add':
    case 'subtract': {
      const [a, b] = call.args
      return rows(reference[call.op](part(a), b.shape.length === 1 ? b : part(b)))
    }
    case 'attention': {
      const [q, k, v, heads, texts] = call.args
      if (texts.length > 1) throw new Error('verify: attention is checked on a single text')
      const keys = texts[0].keys - texts[0].queries + to // the last that these queries may look at
      const upTo = (x: DeviceTensor) => (x as Tensor).rows(0, keys)
      return rows(reference.attention(part(q), upTo(k), upTo(v), heads, [{ queries: to - from, keys }]))
    }
    case 'sparseEncode':
      return toDense(await reference.sparseEncode(part(call.args[0]), call.args[1]))
    case 'sparseDecode':
      return rows(reference.sparseDecode(sliceRows(call.args[0], from, to), call.args[1], call.args[2]))
    default:
      throw new Error(`verify: ${call.op} has no check here; add one to bench/verify.ts`)
  }
}

/** The call with its tensors in host memory. Weights stay: they have twins. */
async function download(ops: Backend, call: OpCall): Promise<OpCall> {
  const toHost = async (arg: unknown): Promise<unknown> => (isTensor(arg) ? ops.download(arg) : arg)
  const args = await Promise.all(
    (call.args as unknown[]).map(async (arg) =>
      isOptions(arg) ? { ...arg, residual: await toHost(arg.residual) } : toHost(arg),
    ),
  )
  return { op: call.op, args } as OpCall
}

function replaceTwins(call: OpCall, twins: ReadonlyMap<object, object>): OpCall {
  const replaced = (call.args as unknown[]).map((arg) =>
    typeof arg === 'object' && arg !== null ? (twins.get(arg) ?? arg) : arg,
  )
  return { op: call.op, args: replaced } as OpCall
}

function isSparse(x: unknown): x is SparseRows {
  return typeof x === 'object' && x !== null && 'offsets' in x
}

function isTensor(x: unknown): x is DeviceTensor {
  return typeof x === 'object' && x !== null && 'shape' in x && !isSparse(x)
}

function isOptions(x: unknown): x is { residual?: DeviceTensor } {
  return typeof x === 'object' && x !== null && ('activation' in x || 'residual' in x)
}
