import { Tensor } from '../tensor.ts'
import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/** One thread per number: NaN becomes infinity, which comparisons can find; all else is at most infinity, and stays. */
function height(this: Thread, x: Matrix, infinity: Row): number {
  const value = x[this.thread.y][this.thread.x]
  if (value <= infinity[0]) return value
  return infinity[0]
}

/**
 * Finds the next rank. Threads of the ranks found before copy them; the thread of rank `ranks[0]` walks the row for
 * the best number that comes after the last one found: smaller, or equal and further right. -> column indices
 */
function ranked(this: Thread<'width'>, x: Matrix, found: Matrix, ranks: Row): number {
  const rank = ranks[0]
  if (this.thread.x < rank) return found[this.thread.y][this.thread.x]
  if (this.thread.x > rank) return 0
  let last = -1
  let lastValue = 0
  if (rank > 0) {
    last = found[this.thread.y][rank - 1]
    lastValue = x[this.thread.y][last]
  }
  let best = -1
  let bestValue = 0
  for (let i = 0; i < this.constants.width; i++) {
    const value = x[this.thread.y][i]
    if (last < 0 || value < lastValue || (value === lastValue && i > last))
      if (best < 0 || value > bestValue) {
        best = i
        bestValue = value
      }
  }
  return best
}

/** The numbers at the column indices that `ranked` returned. */
function picked(this: Thread, x: Matrix, found: Matrix): number {
  return x[this.thread.y][found[this.thread.y][this.thread.x]]
}

/** One run per rank; nothing is read back before the last. */
export async function topK(
  device: Device,
  x: GpuTensor,
  k: number,
): Promise<{ values: Float32Array; indices: Uint32Array }[]> {
  const [rows, width] = x.shape
  using heights = await device.run(height, { grid: [rows, width] }, x, Float32Array.of(Infinity))
  let found = device.tensor(Tensor.zeros([rows, k]))
  for (let rank = 0; rank < k; rank++) {
    using before = found
    const launch = { grid: [rows, k], constants: { width } }
    found = await device.run(ranked, launch, heights, before, Float32Array.of(rank))
  }
  using indices = found
  using values = await device.run(picked, { grid: [rows, k] }, x, indices)
  const [indexRows, valueRows] = [await indices.download(), await values.download()]
  return Array.from({ length: rows }, (_, r) => ({
    indices: Uint32Array.from(indexRows.row(r)),
    values: valueRows.row(r).slice(),
  }))
}
