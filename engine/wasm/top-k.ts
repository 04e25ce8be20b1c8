/** Up to this many, the largest are kept in order while the row goes by; beyond, the whole row is sorted. */
const FEW = 64

/** The k largest of a row, largest first; a tie goes to the lower index, NaN counts as infinity. */
export function topKOfRow(row: Float32Array, k: number): { values: Float32Array; indices: Uint32Array } {
  const indices = k <= FEW ? fewLargest(row, k) : sorted(row).subarray(0, k)
  return { indices, values: Float32Array.from(indices, (index) => row[index]) }
}

/** One pass; most numbers fail its first test. */
function fewLargest(row: Float32Array, k: number): Uint32Array {
  const heights = new Float32Array(k)
  const indices = new Uint32Array(k)
  let count = 0
  let least = NaN // the lowest height kept, once there are k: nothing is below NaN
  for (let i = 0; i < row.length && k > 0; i++) {
    if (row[i] <= least) continue
    const height = Number.isNaN(row[i]) ? Infinity : row[i]
    if (height <= least) continue
    let place = count
    while (place > 0 && height > heights[place - 1]) place--
    heights.copyWithin(place + 1, place, Math.min(count, k - 1))
    indices.copyWithin(place + 1, place, Math.min(count, k - 1))
    heights[place] = height
    indices[place] = i
    if (count < k) count++
    if (count === k) least = heights[k - 1]
  }
  return indices
}

/**
 * All indices, largest number first. Each number and its index become one whole number below 2^53, which a typed
 * array sorts without calling back: the bits of a float, made to rise with it, above 21 bits of index.
 */
function sorted(row: Float32Array): Uint32Array {
  if (row.length > 2 ** 21)
    throw new Error(`topK: a row of ${row.length} numbers; at most ${2 ** 21} are sorted`)
  const bits = new Uint32Array(row.map((value) => (Number.isNaN(value) ? Infinity : value + 0)).buffer) // -0 + 0 is 0
  const keys = new Float64Array(row.length)
  for (let i = 0; i < row.length; i++) {
    const rising = bits[i] & 0x80000000 ? ~bits[i] >>> 0 : (bits[i] | 0x80000000) >>> 0
    keys[i] = (0xffffffff - rising) * 2 ** 21 + i
  }
  return Uint32Array.from(keys.sort(), (key) => key % 2 ** 21)
}
