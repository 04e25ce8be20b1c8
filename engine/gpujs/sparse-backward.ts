import type { SparseRows } from '../sparse.ts'
import { sumOfShares } from './add.ts'
import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuLinear, GpuTable } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/** df_j = dY[t] . W[j]: one thread per entry; 0 where another part has the row. */
function entrySlope(
  this: Thread<'first' | 'count' | 'width'>,
  rows: Row,
  indices: Row,
  dY: Matrix,
  table: Matrix,
): number {
  const row = indices[this.thread.x] - this.constants.first
  if (row < 0) return 0
  if (row >= this.constants.count) return 0
  let sum = 0
  for (let i = 0; i < this.constants.width; i += 1) sum += dY[rows[this.thread.x]][i] * table[row][i]
  return sum
}

/** dY [rows, width] -> a number for each entry of x */
export async function sparseDecodeBackward(
  device: Device,
  dY: GpuTensor,
  x: SparseRows,
  { parts, width }: GpuTable,
): Promise<Float32Array> {
  const entries = x.values.length
  if (entries === 0) return new Float32Array(0)
  const [rows, indices] = [Float32Array.from(rowsOfEntries(x)), Float32Array.from(x.indices)]
  using dF = await sumOfShares(device, parts, ({ first, rows: count, weight }) => {
    const launch = { grid: [entries], constants: { first, count, width } }
    return device.run(entrySlope, launch, rows, indices, dY, weight)
  })
  return (await dF.download()).data.slice()
}

/** dx = the sum over a row's entries of df_j W[:, j]; 0 where another part has the input. */
function featureSlopes(
  this: Thread<'first' | 'rows'>,
  offsets: Row,
  indices: Row,
  dF: Row,
  weight: Matrix,
): number {
  const row = this.thread.x - this.constants.first
  if (row < 0) return 0
  if (row >= this.constants.rows) return 0
  let sum = 0
  for (let entry = offsets[this.thread.y]; entry < offsets[this.thread.y + 1]; entry += 1)
    sum += dF[entry] * weight[row][indices[entry]]
  return sum
}

/** -> [rows, in] */
export function sparseEncodeBackward(
  device: Device,
  dF: Float32Array,
  f: SparseRows,
  layer: GpuLinear,
): Promise<GpuTensor> {
  const entries = [
    Float32Array.from(f.offsets),
    Float32Array.from([...f.indices, 0]), // never empty
    Float32Array.from([...dF, 0]),
  ]
  return sumOfShares(device, layer.parts, ({ first, rows, weight }) => {
    const launch = { grid: [f.shape[0], layer.in], constants: { first, rows } }
    return device.run(featureSlopes, launch, ...entries, weight)
  })
}

/** The row of each entry. */
export function rowsOfEntries({ shape: [rows], offsets }: SparseRows): number[] {
  return Array.from({ length: rows }, (_, row) =>
    Array<number>(offsets[row + 1] - offsets[row]).fill(row),
  ).flat()
}
