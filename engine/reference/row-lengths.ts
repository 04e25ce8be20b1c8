import type { Tensor } from '../tensor.ts'
import type { ReferenceTable } from './prepared.ts'

/** |W[j]| = the root of the sum of its squares. */
export function rowLengths({ rows, weight }: ReferenceTable): Float64Array {
  return Float64Array.from({ length: rows }, (_, j) => {
    let sum = 0
    for (const value of weight.row(j)) sum += value * value
    return Math.sqrt(sum)
  })
}

/** d|W[j]| / dW[j] = W[j] / |W[j]|: a row grows fastest along itself. Added to dW; a row whose dY is 0 is left alone. */
export function rowLengthsBackward(dY: Float64Array, table: ReferenceTable, dW: Tensor): void {
  const lengths = rowLengths(table)
  for (const [j, slope] of dY.entries())
    if (slope !== 0)
      for (const [i, value] of table.weight.row(j).entries()) dW.row(j)[i] += (slope / lengths[j]) * value
}
