import type { SparseRows } from '../sparse.ts'
import type { Tensor } from '../tensor.ts'
import type { ReferenceTable } from './prepared.ts'

/** bias + the sum of value * (the table's row of that index): only active entries cost work. */
export function sparseDecode(x: SparseRows, table: ReferenceTable, bias: Tensor): Tensor {
  const { width } = table
  const out = bias.like([x.shape[0], width])
  const sums = new Float64Array(width)
  for (let t = 0; t < x.shape[0]; t++) {
    sums.set(bias.data)
    for (let entry = x.offsets[t]; entry < x.offsets[t + 1]; entry++) {
      const row = x.indices[entry] * width
      for (let i = 0; i < width; i++) sums[i] += x.values[entry] * table.weight.data[row + i]
    }
    out.row(t).set(sums)
  }
  return out
}
