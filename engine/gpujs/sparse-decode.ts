import type { SparseRows } from '../sparse.ts'
import { sumOfShares, sumWithRow } from './add.ts'
import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuTable } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/** One thread per column of a row: it walks the row's entries, and reads one number of the table for each. */
function entriesSum(
  this: Thread<'first' | 'rows'>,
  offsets: Row,
  indices: Row,
  values: Row,
  table: Matrix,
): number {
  const from = offsets[this.thread.y]
  const to = offsets[this.thread.y + 1]
  let sum = 0
  for (let block = from; block < to; block += 256) {
    const end = Math.min(block + 256, to)
    let part = 0
    for (let entry = block; entry < end; entry += 1) {
      const row = indices[entry] - this.constants.first
      if (row >= 0 && row < this.constants.rows) part += values[entry] * table[row][this.thread.x]
    }
    sum += part
  }
  return sum
}

export async function sparseDecode(
  device: Device,
  { shape: [tokens], offsets, indices, values }: SparseRows,
  { width, parts }: GpuTable,
  bias: GpuTensor,
): Promise<GpuTensor> {
  const entries = [
    Float32Array.from(offsets),
    Float32Array.from([...indices, 0]), // never empty
    Float32Array.from([...values, 0]),
  ]
  const grid = [tokens, width]
  using sum = await sumOfShares(device, parts, ({ first, rows, weight }) =>
    device.run(entriesSum, { grid, constants: { first, rows } }, ...entries, weight),
  )
  return await device.run(sumWithRow, { grid }, sum, bias)
}
