/** The k largest of a row, largest first; a tie goes to the lower index. One pass; most numbers fail its first test. */
export function topKOfRow(row: Float32Array, k: number): { values: Float32Array; indices: Uint32Array } {
  const values = new Float32Array(k)
  const indices = new Uint32Array(k)
  let count = 0
  for (let i = 0; i < row.length && k > 0; i++) {
    const value = row[i]
    if (count === k && !(value > values[k - 1])) continue
    let place = count
    while (place > 0 && value > values[place - 1]) place--
    values.copyWithin(place + 1, place, Math.min(count, k - 1))
    indices.copyWithin(place + 1, place, Math.min(count, k - 1))
    values[place] = value
    indices[place] = i
    if (count < k) count++
  }
  return { values, indices }
}
