import { f32, f32x4, i32, i32x4, local } from 'wasmati'
import { forLanes, forUpTo, increment, splat, when, type I32Input, type Lanes } from './emit.ts'
import type { Engine } from './engine.ts'
import { func } from './function.ts'
import { KERNELS } from './kernels.ts'
import { Block } from './tensors.ts'

/** The largest number of each row of x, by address, and where it stands; as topK's, of k = 1. */
export async function largestOfRows(
  engine: Engine,
  { x, rows, width, least }: { x: number; rows: number; width: number; least: number },
): Promise<{ values: Float32Array; indices: Uint32Array }[]> {
  using places = new Block(engine.arena, rows * 4, 'topK: places')
  await engine.runRanged('largest', { x, places: places.address, width }, rows, least)
  const indices = engine.arena.words(places.address, rows).slice()
  return Array.from(indices, (index, r) => ({
    values: engine.arena.floats(x + (r * width + index) * 4, 1).slice(),
    indices: indices.subarray(r, r + 1),
  }))
}

/** places[r] = the first column that holds the row's largest number, NaN counting as infinity, for a range of rows. */
export function largest() {
  return func(
    { in: KERNELS.largest, locals: { i32: 4, f32: 1, v128: 5 } },
    (
      { x, places, width, first, last },
      { i32: [c, bytes, at, bits], f32: [row], v128: [value, ...maxes] },
    ) => {
      const [max, ...others] = maxes
      /** value = one number, in all lanes, or four; pmin(infinity, y) is y < infinity ? y : infinity */
      const read = (load: Lanes['load'], address: I32Input, offset = 0) => {
        local.set(value, load(address, offset))
        local.set(value, f32x4.pmin(splat(Infinity), value))
      }
      local.set(bytes, i32.mul(width, 4))
      increment(x, i32.mul(first, bytes))
      increment(places, i32.mul(first, 4))
      forUpTo(first, last, 1, () => {
        // max = the largest, in all lanes
        for (const one of maxes) local.set(one, splat(-Infinity))
        const takeLargest = ({ load }: Lanes, vectors: number) => {
          for (let i = 0; i < vectors; i++) {
            read(load, i32.add(x, c), i * 16)
            local.set(maxes[i], f32x4.max(maxes[i], value))
          }
        }
        forLanes(c, bytes, takeLargest, maxes.length)
        for (const other of others) local.set(max, f32x4.max(max, other))
        local.set(row, f32x4.extract_lane(0, max))
        for (const lane of [1, 2, 3]) local.set(row, f32.max(row, f32x4.extract_lane(lane, max)))
        local.set(max, f32x4.splat(row))
        // at = where the first number as large stands, in bytes
        local.set(at, i32.const(-1))
        forLanes(c, bytes, ({ load }) => {
          when(i32.eq(at, -1), () => {
            read(load, i32.add(x, c))
            local.set(bits, i32x4.bitmask(f32x4.eq(value, max)))
            when(bits, () => local.set(at, i32.add(c, i32.shl(i32.ctz(bits), 2))))
          })
        })
        i32.store({}, places, i32.shr_u(at, 2))
        increment(x, bytes)
        increment(places, 4)
      })
    },
  )
}

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
