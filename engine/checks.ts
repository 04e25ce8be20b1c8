/*
 * What each op requires of its arguments, stated once for every backend. The same wrong call throws the
 * same error everywhere, with the op, both shapes and the dimensions that differ.
 */
import type { DeviceTensor, Encoder, Linear, Norm, RowCache, Table, TextSpan } from './backend.ts'
import type { Selection } from './selection.ts'
import type { SparseRows } from './sparse.ts'
import { matrixShape, showShape, sizeOf, type Shape } from './tensor.ts'

function same(op: string, what: string, got: number, name: string, expected: number): void {
  if (got !== expected) throw new Error(`${op}: ${what}: ${got} and ${name} ${expected} differ`)
}

/** The size a prepared linear layer has: weight [in, out], or [out, in] where `transposed`. */
export function checkPrepareLinear(
  weight: Shape,
  bias: Shape | undefined,
  transposed: boolean,
): [number, number] {
  const [first, second] = matrixShape('prepareLinear', weight)
  const [inputs, outputs] = transposed ? [second, first] : [first, second]
  if (bias && (bias.length !== 1 || bias[0] !== outputs))
    throw new Error(
      `prepareLinear: weight ${showShape(weight)} needs a bias [${outputs}], got ${showShape(bias)}`,
    )
  return [inputs, outputs]
}

/** The size a prepared encoder has: weight [in, out]. */
export function checkPrepareEncoder(weight: Shape, bias: Shape, selection: Selection): void {
  const [, outputs] = matrixShape('prepareEncoder', weight)
  const vectors: Record<string, Shape> = { bias }
  if (selection.keep === 'above') vectors.threshold = selection.threshold.shape
  for (const [name, shape] of Object.entries(vectors))
    if (shape.length !== 1 || shape[0] !== outputs)
      throw new Error(
        `prepareEncoder: weight ${showShape(weight)} needs a ${name} [${outputs}], got ${showShape(shape)}`,
      )
  if (
    selection.keep === 'largest' &&
    !(Number.isInteger(selection.k) && selection.k >= 1 && selection.k <= outputs)
  )
    throw new Error(
      `prepareEncoder: k is a whole number from 1 to the ${outputs} outputs, got ${selection.k}`,
    )
}

export function checkPrepareNorm(weight: Shape, bias: Shape): void {
  if (weight.length !== 1 || bias.length !== 1 || weight[0] !== bias[0])
    throw new Error(
      `prepareNorm: weight and bias are [width] each, got ${showShape(weight)} and ${showShape(bias)}`,
    )
}

export function checkIds(op: string, ids: readonly number[], limit: number): void {
  for (const id of ids)
    if (!Number.isInteger(id) || id < 0 || id >= limit)
      throw new Error(`${op}: id ${id} is not in 0..${limit - 1}`)
}

export function checkLayerNorm(x: DeviceTensor, norm: Norm): [rows: number, width: number] {
  const [rows, width] = matrixShape('layerNorm', x.shape)
  const what = `x ${showShape(x.shape)} with weight ${showShape(norm.weight.shape)}`
  same('layerNorm', what, width, 'the norm’s width', norm.weight.shape[0])
  return [rows, width]
}

export function checkLinear(
  x: DeviceTensor,
  layer: Linear | Encoder,
  residual?: DeviceTensor,
  op = 'linear',
): number {
  const [rows, width] = matrixShape(op, x.shape)
  if (width !== layer.in)
    throw new Error(
      `${op}: x ${showShape(x.shape)} x W [${layer.in}, ${layer.out}]: inner dimensions ${width} and ${layer.in} differ`,
    )
  if (residual && showShape(residual.shape) !== showShape([rows, layer.out]))
    throw new Error(
      `${op}: the residual ${showShape(residual.shape)} is added to an output [${rows}, ${layer.out}]`,
    )
  return rows
}

/** What attention's ops share: how many queries, keys and heads, and how wide a head is. */
export interface AttentionSize {
  readonly heads: number
  readonly width: number
  readonly dHead: number
  readonly queries: number
  readonly keys: number
  readonly longest: number
}

function checkTexts(op: string, heads: number, width: number, texts: readonly TextSpan[]): AttentionSize {
  if (!Number.isInteger(heads) || heads < 1 || width % heads !== 0)
    throw new Error(`${op}: a width of ${width} does not split into ${heads} heads`)
  let queries = 0
  let keys = 0
  let longest = 0
  for (const text of texts) {
    if (!Number.isInteger(text.queries) || text.queries < 0 || !Number.isInteger(text.keys))
      throw new Error(`${op}: a text has whole numbers of rows from 0, got ${text.queries} and ${text.keys}`)
    if (text.queries > text.keys)
      throw new Error(`${op}: a text has ${text.queries} queries but only ${text.keys} keys`)
    queries += text.queries
    keys += text.keys
    longest = Math.max(longest, text.keys)
  }
  return { heads, width, dHead: width / heads, queries, keys, longest }
}

function checkRows(op: string, name: string, x: DeviceTensor, rows: number, width: number): void {
  if (x.shape.length !== 2 || x.shape[0] !== rows || x.shape[1] !== width)
    throw new Error(`${op}: ${name} must be [${rows}, ${width}] for these texts, got ${showShape(x.shape)}`)
}

export function checkPattern(
  op: string,
  q: DeviceTensor,
  k: DeviceTensor,
  heads: number,
  texts: readonly TextSpan[],
): AttentionSize {
  const [, width] = matrixShape(op, q.shape)
  const size = checkTexts(op, heads, width, texts)
  checkRows(op, 'q', q, size.queries, width)
  checkRows(op, 'k', k, size.keys, width)
  return size
}

export function checkAttention(
  q: DeviceTensor,
  k: DeviceTensor,
  v: DeviceTensor,
  heads: number,
  texts: readonly TextSpan[],
): AttentionSize {
  const size = checkPattern('attention', q, k, heads, texts)
  checkRows('attention', 'v', v, size.keys, size.width)
  return size
}

export function checkMix(
  pattern: DeviceTensor,
  v: DeviceTensor,
  heads: number,
  texts: readonly TextSpan[],
): AttentionSize {
  const [, width] = matrixShape('attentionMix', v.shape)
  const size = checkTexts('attentionMix', heads, width, texts)
  checkRows('attentionMix', 'v', v, size.keys, width)
  const expected = [heads, size.queries, size.longest]
  if (pattern.shape.length !== 3 || expected.some((dimension, i) => pattern.shape[i] !== dimension))
    throw new Error(
      `attentionMix: the pattern must be ${showShape(expected)} for these texts, got ${showShape(pattern.shape)}`,
    )
  return size
}

export function checkAppend(cache: RowCache, rows: DeviceTensor): number {
  const [count, width] = matrixShape('append', rows.shape)
  same('append', `rows ${showShape(rows.shape)}`, width, 'the cache’s width', cache.width)
  if (cache.length + count > cache.capacity)
    throw new Error(
      `append: the cache holds ${cache.length} of at most ${cache.capacity} rows; ${count} more do not fit`,
    )
  return count
}

/** For add and subtract: whether b is one row that serves every row of a. */
export function checkElementwise(op: string, a: DeviceTensor, b: DeviceTensor): { broadcast: boolean } {
  const equal = a.shape.length === b.shape.length && a.shape.every((dimension, i) => dimension === b.shape[i])
  if (equal) return { broadcast: false }
  if (a.shape.length === 2 && b.shape.length === 1 && a.shape[1] === b.shape[0]) return { broadcast: true }
  throw new Error(
    `${op}: a ${showShape(a.shape)} and b ${showShape(b.shape)} differ: b has a's shape or is one row of it`,
  )
}

export function checkMeanRows(x: DeviceTensor, lengths: readonly number[]): [rows: number, width: number] {
  const [rows, width] = matrixShape('meanRows', x.shape)
  const wrong = lengths.find((length) => !Number.isInteger(length) || length < 1)
  if (wrong !== undefined)
    throw new Error(`meanRows: a text has a whole number of rows from 1, got ${wrong}: no rows, no mean`)
  const total = lengths.reduce((sum, length) => sum + length, 0)
  same('meanRows', `x ${showShape(x.shape)}`, rows, 'the texts’ total length', total)
  return [rows, width]
}

export function checkTopK(x: DeviceTensor, k: number): [rows: number, width: number] {
  const [rows, width] = matrixShape('topK', x.shape)
  if (!Number.isInteger(k) || k < 0 || k > width)
    throw new Error(`topK: k is a whole number from 0 to the row's ${width}, got ${k}`)
  return [rows, width]
}

export function checkCrossEntropy(
  x: DeviceTensor,
  targets: readonly number[],
): [rows: number, width: number] {
  const [rows, width] = matrixShape('crossEntropy', x.shape)
  same('crossEntropy', `x ${showShape(x.shape)}`, rows, 'the number of targets', targets.length)
  checkIds('crossEntropy', targets, width)
  return [rows, width]
}

export function checkKlDivergence(a: DeviceTensor, b: DeviceTensor): [rows: number, width: number] {
  const [rows, width] = matrixShape('klDivergence', a.shape)
  if (showShape(a.shape) !== showShape(b.shape))
    throw new Error(`klDivergence: a ${showShape(a.shape)} and b ${showShape(b.shape)} differ in shape`)
  if (width === 0) throw new Error(`klDivergence: ${showShape(a.shape)} has rows of no logits`)
  return [rows, width]
}

export function checkSparseDecode(x: SparseRows, table: Table, bias: DeviceTensor): void {
  same('sparseDecode', `x ${showShape(x.shape)}`, x.shape[1], 'the table’s rows', table.rows)
  if (bias.shape.length !== 1 || bias.shape[0] !== table.width)
    throw new Error(`sparseDecode: the bias must be [${table.width}], got ${showShape(bias.shape)}`)
}

export function checkReshape(x: DeviceTensor, shape: Shape): void {
  if (sizeOf(x.shape) !== sizeOf(shape))
    throw new Error(`reshape: ${showShape(x.shape)} and ${showShape(shape)} differ in size`)
}

/** The error of a backend that is given a tensor of another backend, or of another instance of its own kind. */
export function foreignTensor(op: string, backend: string, x: DeviceTensor): Error {
  const home = x.backend === backend ? `another ${backend}` : x.backend
  return new Error(
    `${op} on ${backend}: the tensor ${showShape(x.shape)} lives on ${home}; download it there and upload it here`,
  )
}

/** The error of a backend that is given weights, or a cache, that another one prepared. */
export function foreignWeights(op: string, backend: string): Error {
  return new Error(
    `${op} on ${backend}: these weights, or this cache, were made on another backend; make them on this one`,
  )
}

/** More threads than this only wait for each other; thousands end the process. */
const THREADS_A_CORE = 4

/** @throws if the machine cannot use that many threads */
export function checkThreads(backend: string, threads: number, cores: number): void {
  if (!Number.isInteger(threads) || threads < 1)
    throw new Error(`${backend}: threads: expected 1 or more, got ${threads}`)
  if (threads > THREADS_A_CORE * cores)
    throw new Error(
      `${backend}: threads: expected at most ${THREADS_A_CORE * cores}, ${THREADS_A_CORE} for each of the ${cores} cores here, got ${threads}`,
    )
}
