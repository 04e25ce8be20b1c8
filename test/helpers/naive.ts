import type { Activation, TextSpan } from '../../engine/backend.ts'
import { positiveEntries, toDense, type SparseRows } from '../../engine/sparse.ts'
import { Tensor, type Shape } from '../../engine/tensor.ts'
import { sumRoundings, type Expected } from './compare.ts'
import type { HostLinear } from './host-ops.ts'

/*
 * What each op means, written a second time and one output number at a time, in float64: slow, and nothing like the
 * reference backend's loops. Each number comes with its magnitude, the size that float32 errors are relative to.
 */

interface Estimate {
  readonly value: number
  readonly magnitude: number
}

/** Works out a matrix: `row` looks at row r once and gives what works out its element j. */
function perElement([rows, width]: Shape, roundings: number, row: (r: number) => (j: number) => Estimate) {
  const elements = list(rows, (r) => list(width, row(r))).flat()
  return {
    shape: [rows, width],
    values: elements.map(({ value }) => value),
    magnitudes: elements.map(({ magnitude }) => magnitude),
    roundings,
  }
}

/** A sum from the last term to the first. */
function sum(terms: readonly number[]): number {
  let total = 0
  for (let i = terms.length - 1; i >= 0; i--) total += terms[i]
  return total
}
const sumOfSizes = (terms: readonly number[]): number => sum(terms.map(Math.abs))
const largest = (terms: readonly number[]): number =>
  Math.max(0, ...terms.filter(Number.isFinite).map(Math.abs))
const list = <T>(length: number, make: (i: number) => T): T[] => Array.from({ length }, (_, i) => make(i))

/** 0.5 x (1 + tanh u) = x sigmoid(2 u) */
function naiveGeluOf(x: number): number {
  return x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))
}

/** x (1/2 + the normal density integrated from 0 to x), by Simpson's rule; beyond 9 nothing is left to integrate. */
function naiveGeluErfOf(x: number): number {
  if (!Number.isFinite(x)) return x === Infinity ? x : NaN
  const [end, steps] = [Math.max(-9, Math.min(9, x)), 600]
  const density = (u: number) => Math.exp((-u * u) / 2) / Math.sqrt(2 * Math.PI)
  const terms = list(
    steps + 1,
    (i) => (i % steps === 0 ? 1 : i % 2 === 1 ? 4 : 2) * density((end * i) / steps),
  )
  return x * (0.5 + (sum(terms) * end) / (3 * steps))
}

/** Roundings in a float32 GELU, relative to |x|: the cubic, tanh, 1 + tanh (which cancels where x < 0), two products. */
const GELU_ROUNDINGS = 8
/** The largest slope of GELU: how much it can enlarge an error of its input. */
const GELU_SLOPE = 1.13

const activate: Record<Activation, (x: number) => number> = {
  none: (x) => x,
  gelu: naiveGeluOf,
  geluErf: naiveGeluErfOf,
  relu: (x) => Math.max(x, 0),
}

export function naiveGelu(x: Tensor): Expected {
  const values = Array.from(x.data, naiveGeluOf)
  return { shape: x.shape, values, magnitudes: x.data.map(Math.abs), roundings: GELU_ROUNDINGS }
}

export function naiveGeluErf(x: Tensor): Expected {
  return { ...naiveGelu(x), values: Array.from(x.data, naiveGeluErfOf) }
}

export function naiveRelu(x: Tensor): Expected {
  return exactly(
    x.shape,
    Array.from(x.data, (value) => Math.max(value, 0)),
  )
}

export function naiveLinear(
  x: Tensor,
  { weight, bias, transposed = false }: HostLinear,
  { activation = 'none', residual }: { activation?: Activation; residual?: Tensor } = {},
): Expected {
  const [rows, inputs] = x.shape
  const outputs = weight.shape[transposed ? 0 : 1]
  return perElement([rows, outputs], sumRoundings(inputs) + GELU_ROUNDINGS, (r) => (j) => {
    const weightInto = (i: number) => weight.data[transposed ? j * inputs + i : i * outputs + j]
    const terms = list(inputs, (i) => x.data[r * inputs + i] * weightInto(i))
    if (bias) terms.push(bias.data[j])
    const added = residual?.data[r * outputs + j] ?? 0
    return {
      value: activate[activation](sum(terms)) + added,
      magnitude: GELU_SLOPE * sumOfSizes(terms) + Math.abs(added),
    }
  })
}

/** a + sign * b: one rounding, the same everywhere. */
export function naiveSum(a: Tensor, b: Tensor, sign: 1 | -1): Expected {
  const values = Array.from(a.data, (value, i) => Math.fround(value + sign * b.data[i % b.data.length]))
  return { shape: a.shape, values, magnitudes: values, roundings: 0 }
}

/** Numbers that are copied, not computed. */
export function exactly(shape: Shape, values: readonly number[]): Expected {
  return { shape, values, magnitudes: values, roundings: 0 }
}

export function naiveLayerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number): Expected {
  const [, width] = x.shape
  return perElement(x.shape, sumRoundings(width) + 8, (r) => {
    const row = Array.from(x.row(r))
    const mean = sum(row) / width
    const deviation = Math.sqrt(sum(row.map((value) => (value - mean) ** 2)) / width + eps)
    const top = largest(row) / deviation
    return (j) => {
      const z = (row[j] - mean) / deviation
      // An error of the mean, and of each difference from it, is relative to the row's largest number and
      // reaches z once as it is and once through the deviation.
      const spread = (1 + Math.abs(z)) * (1 + top)
      return {
        value: z * weight.data[j] + bias.data[j],
        magnitude: Math.abs(weight.data[j]) * spread + Math.abs(bias.data[j]),
      }
    }
  })
}

export function naiveCenter(x: Tensor): Expected {
  const [, width] = x.shape
  return perElement(x.shape, sumRoundings(width), (r) => {
    const row = Array.from(x.row(r))
    const [mean, size] = [sum(row) / width, sumOfSizes(row) / width]
    return (j) => ({ value: row[j] - mean, magnitude: Math.abs(row[j]) + size })
  })
}

/** e^x[j] over the sum of all e^x. An error in an exponent is relative to the exponent's size, `range` at most. */
function probabilities(x: readonly number[], range: number): (j: number) => Estimate {
  const top = Math.max(...x)
  const total = sum(x.map((exponent) => Math.exp(exponent - top)))
  return (j) => {
    const value = Math.exp(x[j] - top) / total
    return { value, magnitude: value * (1 + range) }
  }
}

/** exp, the sum over `terms`, the division. */
const softmaxRoundings = (terms: number): number => sumRoundings(terms) + 8

export function naiveSoftmax(x: Tensor): Expected {
  return perElement(x.shape, softmaxRoundings(x.shape[1]), (r) => {
    const row = Array.from(x.row(r))
    return probabilities(row, 2 * largest(row))
  })
}

/** One number per row: what works it out is given the rows of `xs`. */
function perRow(xs: readonly Tensor[], roundings: number, row: (...rows: number[][]) => Estimate): Expected {
  const [rows] = xs[0].shape
  const of = (r: number) => row(...xs.map((x) => Array.from(x.row(r))))
  return { ...perElement([rows, 1], roundings, (r) => () => of(r)), shape: [rows] }
}

/** log of the sum of e^x. */
function logTotal(x: readonly number[]): number {
  const top = Math.max(...x)
  return top + Math.log(sum(x.map((exponent) => Math.exp(exponent - top))))
}

/** log (sum of e^x) - x[target]: an error of the sum is relative, so its logarithm's is absolute. */
export function naiveCrossEntropy(x: Tensor, targets: readonly number[]): Expected {
  let r = 0
  return perRow([x], softmaxRoundings(x.shape[1]), (row) => {
    const value = logTotal(row) - row[targets[r++]]
    return { value, magnitude: 1 + 2 * largest(row) + Math.abs(value) }
  })
}

export function naiveKlDivergence(a: Tensor, b: Tensor): Expected {
  return perRow([a, b], softmaxRoundings(a.shape[1]), (rowA, rowB) => {
    const range = 2 * Math.max(largest(rowA), largest(rowB))
    const logRatios = rowA.map((x, i) => x - logTotal(rowA) - (rowB[i] - logTotal(rowB)))
    const terms = rowA.flatMap((_, i) => {
      const p = probabilities(rowA, range)(i).value
      return p === 0 ? [] : [p * logRatios[i]]
    })
    return { value: Math.max(0, sum(terms)), magnitude: (1 + range) * (1 + sumOfSizes(terms)) }
  })
}

export function naiveMeanRows(x: Tensor, lengths: readonly number[]): Expected {
  const first = list(lengths.length, (text) => sum(lengths.slice(0, text)))
  return perElement([lengths.length, x.shape[1]], sumRoundings(Math.max(0, ...lengths)), (text) => (j) => {
    const column = list(lengths[text], (t) => x.row(first[text] + t)[j])
    return { value: sum(column) / lengths[text], magnitude: sumOfSizes(column) / lengths[text] }
  })
}

export function naiveSparseDecode(x: SparseRows, weight: Tensor, bias: Tensor): Expected {
  const dense = toDense(x)
  const [rows, features] = dense.shape
  const width = weight.shape[1]
  return perElement([rows, width], sumRoundings(features), (r) => (j) => {
    const terms = list(features, (i) => dense.data[r * features + i] * weight.data[i * width + j])
    terms.push(bias.data[j])
    return { value: sum(terms), magnitude: sumOfSizes(terms) }
  })
}

/** Where query row `query` belongs: its text's first key row, and how many keys it may look at. */
function viewOf(query: number, texts: readonly TextSpan[]): { firstKey: number; visible: number } {
  const before = (text: number, of: 'queries' | 'keys') => sum(texts.slice(0, text).map((span) => span[of]))
  const text = texts.findIndex((_, i) => query < before(i + 1, 'queries'))
  const { queries, keys } = texts[text]
  return {
    firstKey: before(text, 'keys'),
    visible: keys - queries + (query - before(text, 'queries')) + 1,
  }
}

/** Columns of one head in row r. */
function headOf(x: Tensor, r: number, head: number, heads: number): number[] {
  const dHead = x.shape[1] / heads
  return Array.from(x.row(r).slice(head * dHead, (head + 1) * dHead))
}

const patternRoundings = (dHead: number, keys: number): number =>
  2 * sumRoundings(dHead) + softmaxRoundings(keys)

export function naivePattern(q: Tensor, k: Tensor, heads: number, texts: readonly TextSpan[]): Expected {
  const queries = q.shape[0]
  const longest = Math.max(0, ...texts.map(({ keys }) => keys))
  const dHead = q.shape[1] / heads
  const flat = perElement([heads * queries, longest], patternRoundings(dHead, longest), (row) => {
    const [head, query] = [Math.floor(row / queries), row % queries]
    const { firstKey, visible } = viewOf(query, texts)
    const question = headOf(q, query, head, heads)
    const products = list(visible, (key) =>
      headOf(k, firstKey + key, head, heads).map((part, i) => (part * question[i]) / Math.sqrt(dHead)),
    )
    const seen = probabilities(products.map(sum), 2 * largest(products.map(sumOfSizes)))
    return (key) => (key < visible ? seen(key) : { value: 0, magnitude: 0 })
  })
  return { ...flat, shape: [heads, queries, longest] }
}

export function naiveMix(
  pattern: Expected | Tensor,
  v: Tensor,
  heads: number,
  texts: readonly TextSpan[],
): Expected {
  const [, queries, longest] = pattern.shape
  const { values, magnitudes, roundings } = 'values' in pattern ? pattern : given(pattern)
  const dHead = v.shape[1] / heads
  return perElement([queries, v.shape[1]], roundings + sumRoundings(longest), (query) => {
    const { firstKey, visible } = viewOf(query, texts)
    return (column) => {
      const at = (Math.floor(column / dHead) * queries + query) * longest
      const answers = list(visible, (key) => v.data[(firstKey + key) * v.shape[1] + column])
      return {
        value: sum(answers.map((answer, key) => values[at + key] * answer)),
        magnitude: sum(answers.map((answer, key) => magnitudes[at + key] * Math.abs(answer))),
      }
    }
  })
}

function given({ data }: Tensor): Pick<Expected, 'values' | 'magnitudes' | 'roundings'> {
  return { values: data, magnitudes: data.map(Math.abs), roundings: 0 }
}

export function naiveAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  heads: number,
  texts: readonly TextSpan[],
): Expected {
  return naiveMix(naivePattern(q, k, heads, texts), v, heads, texts)
}

/** What is above 0 and above its column's threshold, or NaN. */
export function entriesAbove(dense: Tensor, threshold: Tensor): SparseRows {
  const width = threshold.data.length
  return keepWhere(dense, (value, at) => !(value <= 0) && !(value <= threshold.data[at % width]))
}

/** Of each row what fewer than k others are ahead of: larger, or as large and further left. NaN is as large as infinity. */
export function largestEntries(dense: Tensor, k: number): SparseRows {
  const height = (value: number) => (Number.isNaN(value) ? Infinity : value)
  const ranks = list(dense.shape[0], (r) => {
    const row = Array.from(dense.row(r), height)
    const order = [...row.keys()].sort((a, b) => (row[a] === row[b] ? a - b : row[b] > row[a] ? 1 : -1))
    const rank = new Uint32Array(row.length)
    for (const [place, index] of order.entries()) rank[index] = place
    return Array.from(rank)
  }).flat()
  return keepWhere(dense, (_, at) => ranks[at] < k)
}

function keepWhere(dense: Tensor, isKept: (value: number, at: number) => boolean): SparseRows {
  return positiveEntries(
    new Tensor(
      dense.shape,
      dense.data.map((value, at) => (isKept(value, at) ? value : 0)),
    ),
  )
}
