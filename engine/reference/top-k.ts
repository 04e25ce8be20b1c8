import type { Tensor } from '../tensor.ts'

/** The k largest of each row, largest first; a tie goes to the lower index. NaN counts as infinity: a fault shows. */
export function topK(x: Tensor, k: number): { values: Float32Array; indices: Uint32Array }[] {
  return Array.from({ length: x.shape[0] }, (_, t) => {
    const row = x.row(t)
    const height = (index: number): number => (Number.isNaN(row[index]) ? Infinity : row[index])
    const order = Array.from(row.keys()).sort(
      (a, b) => Number(height(b) > height(a)) - Number(height(b) < height(a)) || a - b,
    )
    const indices = Uint32Array.from(order.slice(0, k))
    return { indices, values: Float32Array.from(indices, (index) => row[index]) }
  })
}
