// Matrices that are mostly zero: SAE features.
import { Tensor, numbersLike, showShape, type Shape } from './tensor.ts'

/**
 * A matrix that is mostly zero, with one list of (index, value) per row: of 24,576 SAE features about 60 are active on a token.
 * Row r's entries are at offsets[r] to offsets[r + 1] (exclusive), with indices rising.
 */
export interface SparseRows {
  readonly shape: Shape // [rows, width]
  readonly offsets: Uint32Array // [rows + 1]
  readonly indices: Uint32Array // [entries]
  readonly values: Float32Array // [entries]
}

/** The entries of row `index` of sparse rows: views, not copies. */
export function sparseRow(x: SparseRows, index: number): { indices: Uint32Array; values: Float32Array } {
  const [from, to] = [x.offsets[index], x.offsets[index + 1]]
  return { indices: x.indices.subarray(from, to), values: x.values.subarray(from, to) }
}

/** One column of sparse rows, one number per row: 0 where it has no entry. sparse [rows, width] -> [rows] */
export function sparseColumn(x: SparseRows, column: number): Float32Array {
  return Float32Array.from({ length: x.shape[0] }, (_, row) => {
    const { indices, values } = sparseRow(x, row)
    const entry = indices.indexOf(column)
    return entry < 0 ? 0 : values[entry]
  })
}

/** Keeps the entries of a dense [rows, width] matrix that are positive, or NaN (a fault is never dropped). */
export function positiveEntries(dense: Tensor): SparseRows {
  const [rows, width] = dense.shape
  const kept = (value: number): boolean => value > 0 || Number.isNaN(value)
  const offsets = new Uint32Array(rows + 1)
  for (let r = 0; r < rows; r++) {
    let count = 0
    for (let j = 0; j < width; j++) if (kept(dense.data[r * width + j])) count++
    offsets[r + 1] = offsets[r] + count
  }
  const indices = new Uint32Array(offsets[rows])
  const values = dense.like([offsets[rows]]).data
  for (let r = 0, at = 0; r < rows; r++)
    for (let j = 0; j < width; j++) {
      const value = dense.data[r * width + j]
      if (kept(value)) {
        indices[at] = j
        values[at++] = value
      }
    }
  return { shape: dense.shape, offsets, indices, values }
}

/** The dense matrix, absent entries as zeros. sparse [rows, width] -> [rows, width] */
export function toDense(x: SparseRows): Tensor {
  const [rows, width] = x.shape
  const dense = Tensor.zeros(x.shape)
  for (let r = 0; r < rows; r++)
    for (let i = x.offsets[r]; i < x.offsets[r + 1]; i++) dense.data[r * width + x.indices[i]] = x.values[i]
  return dense
}

/** Rows `from` to `to` (exclusive), as sparse rows of their own. */
export function sliceRows(x: SparseRows, from: number, to: number): SparseRows {
  const [start, end] = [x.offsets[from], x.offsets[to]]
  return {
    shape: [to - from, x.shape[1]],
    offsets: x.offsets.slice(from, to + 1).map((offset) => offset - start),
    indices: x.indices.slice(start, end),
    values: x.values.slice(start, end),
  }
}

/** All rows of `parts`, one part after the other. */
export function stackRows(parts: readonly SparseRows[], width: number): SparseRows {
  if (parts.length === 1 && parts[0].shape[1] === width) return parts[0]
  const rows = parts.reduce((sum, part) => sum + part.shape[0], 0)
  const entries = parts.reduce((sum, part) => sum + part.values.length, 0)
  const stacked = {
    shape: [rows, width],
    offsets: new Uint32Array(rows + 1),
    indices: new Uint32Array(entries),
    values: parts.length > 0 ? numbersLike(parts[0].values, entries) : new Float32Array(entries),
  }
  let row = 0
  let at = 0
  for (const part of parts) {
    if (part.shape[1] !== width)
      throw new Error(`stackRows: expected rows of ${width}, got ${showShape(part.shape)}`)
    stacked.indices.set(part.indices, at)
    stacked.values.set(part.values, at)
    for (let r = 0; r < part.shape[0]; r++) stacked.offsets[++row] = at + part.offsets[r + 1]
    at += part.values.length
  }
  return stacked
}

/** Each entry times a factor; an entry whose factor is 0 is left out. */
export function scaleEntries(x: SparseRows, factor: (row: number, index: number) => number): SparseRows {
  const [rows, width] = x.shape
  const parts = Array.from({ length: rows }, (_, row) => {
    const { indices, values } = sparseRow(x, row)
    const kept = Array.from(indices.keys()).filter((entry) => factor(row, indices[entry]) !== 0)
    const scaled = numbersLike(values, kept.length)
    for (const [to, entry] of kept.entries()) scaled[to] = values[entry] * factor(row, indices[entry])
    return {
      shape: [1, width],
      offsets: Uint32Array.of(0, kept.length),
      indices: Uint32Array.from(kept, (entry) => indices[entry]),
      values: scaled,
    }
  })
  return stackRows(parts, width)
}

/** y = factor x, so dx = factor dy: a number for each entry of x, 0 for those left out. dY: one for each entry kept */
export function scaleGradient(
  dY: Float32Array,
  x: SparseRows,
  factor: (row: number, index: number) => number,
): Float32Array {
  const dX = numbersLike(dY, x.values.length)
  let kept = 0
  for (let row = 0; row < x.shape[0]; row++)
    for (let entry = x.offsets[row]; entry < x.offsets[row + 1]; entry++) {
      const by = factor(row, x.indices[entry])
      if (by !== 0) dX[entry] = by * dY[kept++]
    }
  return dX
}

/** Transposes: row j holds column j's entries, whose indices are the rows they stood in. sparse [rows, n] -> sparse [n, rows] */
export function transposeSparse(x: SparseRows): SparseRows {
  const [rows, width] = x.shape
  const { offsets: from, indices: columns, values: numbers } = x
  const offsets = new Uint32Array(width + 1)
  for (let entry = 0; entry < columns.length; entry++) offsets[columns[entry] + 1]++
  for (let column = 0; column < width; column++) offsets[column + 1] += offsets[column]
  const next = offsets.slice() // where a column's next entry goes
  const [indices, values] = [new Uint32Array(columns.length), numbersLike(numbers, columns.length)]
  for (let row = 0; row < rows; row++)
    for (let entry = from[row]; entry < from[row + 1]; entry++) {
      const to = next[columns[entry]]++
      indices[to] = row
      values[to] = numbers[entry]
    }
  return { shape: [width, rows], offsets, indices, values }
}

/** The columns that have entries, rising, and those entries: a row for each such column, indices of the rows they stood in. */
export function activeColumns(x: SparseRows): { columns: Uint32Array; entries: SparseRows } {
  const { shape, offsets, ...entries } = transposeSparse(x)
  const columns = Uint32Array.from({ length: shape[0] }, (_, j) => j).filter(
    (j) => offsets[j + 1] > offsets[j],
  )
  const ends = new Uint32Array(columns.length + 1)
  for (const [i, j] of columns.entries()) ends[i + 1] = offsets[j + 1]
  return { columns, entries: { ...entries, shape: [columns.length, shape[1]], offsets: ends } }
}

/** Mean over each text's rows, absent entries counting as zero; lengths[i] rows belong to text i. Sums in float64. */
export function meanSparseRows(x: SparseRows, lengths: readonly number[]): SparseRows {
  const width = x.shape[1]
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (total !== x.shape[0])
    throw new Error(`meanSparseRows: texts of ${total} rows in all, but x is ${showShape(x.shape)}`)
  const sums = new Float64Array(width)
  const parts: SparseRows[] = []
  let row = 0
  for (const length of lengths) {
    if (length === 0) throw new Error('meanSparseRows: a text without rows has no mean')
    const touched = new Set<number>()
    for (let i = x.offsets[row]; i < x.offsets[row + length]; i++) {
      sums[x.indices[i]] += x.values[i]
      touched.add(x.indices[i])
    }
    const indices = Uint32Array.from(touched).sort()
    const values = Float32Array.from(indices, (index) => sums[index] / length)
    for (const index of indices) sums[index] = 0
    parts.push({ shape: [1, width], offsets: Uint32Array.of(0, indices.length), indices, values })
    row += length
  }
  return stackRows(parts, width)
}
