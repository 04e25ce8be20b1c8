/*
 * The backward form of a scatter. A kernel may write only its own cell, so entries are sorted by where they go, in host
 * memory, and each thread gathers its own: out[r] = the sum over r's entries of value * x[row].
 */
import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/** Entries by where they go. */
export interface Sorted {
  /** Where the entries of each r begin, and where the last one's end. */
  readonly offsets: Float32Array
  readonly rows: Float32Array
  readonly values: Float32Array
}

/** `to`, `rows` and `values` of each entry; there are `count` places to go to. */
export function sortEntries(
  to: ArrayLike<number>,
  rows: ArrayLike<number>,
  values: ArrayLike<number>,
  count: number,
): Sorted {
  const offsets = new Float32Array(count + 1)
  const order = Array.from({ length: to.length }, (_, entry) => entry).sort((a, b) => to[a] - to[b] || a - b)
  for (const entry of order) offsets[to[entry] + 1]++
  for (let r = 0; r < count; r++) offsets[r + 1] += offsets[r]
  const read = (numbers: ArrayLike<number>) => Float32Array.from([...order.map((entry) => numbers[entry]), 0]) // never empty
  return { offsets, rows: read(rows), values: read(values) }
}

/** One thread per number of out [count, width]: it walks its row's entries. */
function gathered(this: Thread, offsets: Row, rows: Row, values: Row, x: Matrix): number {
  let sum = 0
  for (let entry = offsets[this.thread.y]; entry < offsets[this.thread.y + 1]; entry += 1)
    sum += values[entry] * x[rows[entry]][this.thread.x]
  return sum
}

/** The same transposed, [width, count]: for weights [in, out], whose columns are the places. */
function gatheredTurned(this: Thread, offsets: Row, rows: Row, values: Row, x: Matrix): number {
  let sum = 0
  for (let entry = offsets[this.thread.x]; entry < offsets[this.thread.x + 1]; entry += 1)
    sum += values[entry] * x[rows[entry]][this.thread.y]
  return sum
}

/** x [rows, width] -> [count, width], or [width, count] where `turned` */
export function gather(
  device: Device,
  { offsets, rows, values }: Sorted,
  x: GpuTensor,
  { turned } = { turned: false },
): Promise<GpuTensor> {
  const [count, width] = [offsets.length - 1, x.shape[1]]
  return turned
    ? device.run(gatheredTurned, { grid: [width, count] }, offsets, rows, values, x)
    : device.run(gathered, { grid: [count, width] }, offsets, rows, values, x)
}
