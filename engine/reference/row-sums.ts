// Rows that are added to rows of another matrix.

/** Sums of rows by the row that they belong to, held in float64 until they are added to a matrix. */
export class RowSums {
  readonly #sums = new Map<number, Float64Array>()

  /** sums[index] += factor * row */
  add(index: number, row: ArrayLike<number>, factor = 1): void {
    const sum = this.#sums.get(index) ?? new Float64Array(row.length)
    for (let i = 0; i < sum.length; i++) sum[i] += factor * row[i]
    this.#sums.set(index, sum)
  }

  /** into[index * stride + i * step] += sums[index][i] for every index that was met. */
  addTo(into: Float32Array, { stride, step = 1 }: { stride: number; step?: number }): void {
    for (const [index, sum] of this.#sums)
      for (let i = 0; i < sum.length; i++) into[index * stride + i * step] += sum[i]
  }
}
