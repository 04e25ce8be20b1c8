import type { Tensor } from '../tensor.ts'
import type { ReferenceLinear, ReferenceTable } from './prepared.ts'

/** Looks up one row per id. A Linear stored [out, in] works too: its row holds the weights into that output. */
export function embed(table: ReferenceTable | ReferenceLinear, ids: readonly number[]): Tensor {
  const width = 'width' in table ? table.width : table.in
  const out = table.weight.like([ids.length, width])
  for (const [t, id] of ids.entries())
    for (let i = 0; i < width; i++) {
      const at = 'width' in table || table.transposed ? id * width + i : i * table.out + id
      out.data[t * width + i] = table.weight.data[at]
    }
  return out
}
