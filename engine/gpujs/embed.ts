import { sumOfShares } from './add.ts'
import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuLinear, GpuTable } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/** One thread per number: it reads its token's id and one number of that row; 0 where another part has the row. */
function tableRow(this: Thread<'first' | 'rows'>, table: Matrix, ids: Row): number {
  const row = ids[this.thread.y] - this.constants.first
  if (row < 0) return 0
  if (row >= this.constants.rows) return 0
  return table[row][this.thread.x]
}

/** The same on a layer's weights [in, out]: the weights into output `id` are a column. */
function weightColumn(this: Thread<'first' | 'rows'>, weight: Matrix, ids: Row): number {
  const row = this.thread.x - this.constants.first
  if (row < 0) return 0
  if (row >= this.constants.rows) return 0
  return weight[row][ids[this.thread.y]]
}

export function embed(
  device: Device,
  table: GpuTable | GpuLinear,
  ids: readonly number[],
): Promise<GpuTensor> {
  const [kernel, width] = 'width' in table ? [tableRow, table.width] : [weightColumn, table.in]
  return sumOfShares(device, table.parts, ({ first, rows, weight }) => {
    const launch = { grid: [ids.length, width], constants: { first, rows } }
    return device.run(kernel, launch, weight, Float32Array.from(ids))
  })
}
