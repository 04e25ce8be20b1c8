import { f32, f32x4, i32, i32x4, local, v128 } from 'wasmati'
import { doWhile, forLanes, forUpTo, increment, splat, when } from './emit.ts'
import type { Engine } from './engine.ts'
import { func } from './function.ts'
import { KERNELS } from './kernels.ts'
import { Block } from './tensors.ts'
import { MOST_KEPT } from './tile-sizes.ts'

/**
 * The k largest of each row of x, by address, largest first; a tie goes to the lower index, NaN counts as infinity.
 * Up to MOST_KEPT are kept in order while the row goes by; beyond, the whole row is sorted.
 */
export async function topKOfRows(
  engine: Engine,
  { x, rows, width, least }: { x: number; rows: number; width: number; least: number },
  k: number,
): Promise<{ values: Float32Array; indices: Uint32Array }[]> {
  using places = new Block(engine.arena, rows * k * 4, 'topK: places')
  const few = k <= MOST_KEPT && k > 0
  if (few) await engine.runRanged('largest', { x, places: places.address, width, k }, rows, least)
  return Array.from({ length: rows }, (_, r) => {
    const row = engine.arena.floats(x + r * width * 4, width)
    const indices = few ? engine.arena.words(places.address + r * k * 4, k).slice() : sorted(row).slice(0, k)
    return { indices, values: Float32Array.from(indices, (index) => row[index]) }
  })
}

/**
 * places [rows, k] = the columns of each row's k largest numbers, largest first, the first of equal ones first, NaN counting
 * as infinity, for a range of rows. k is at most MOST_KEPT and at most `width`. `scratch` holds the numbers themselves.
 */
export function largest() {
  return func(
    { in: KERNELS.largest, locals: { i32: 7, f32: 1, v128: 3 } },
    (
      { x, places, width, k, first, last, scratch },
      { i32: [c, bytes, kept, at, end, to, more], f32: [height], v128: [value, below, least] },
    ) => {
      /** The number at `at`, of this height, takes its place behind all that are as large; the smallest of k falls out. */
      const insert = () => {
        when(i32.lt_u(kept, k), () => increment(kept, 1))
        local.set(to, i32.shl(i32.sub(kept, 1), 2))
        // heights[i] lies at scratch + 4 + 4 i, so that the one before `to` can be asked for even where there is none
        doWhile(() => {
          local.set(more, i32.and(i32.ne(to, 0), f32.lt(f32.load({}, i32.add(scratch, to)), height)))
          when(more, () => {
            increment(to, -4)
            f32.store({ offset: 8 }, i32.add(scratch, to), f32.load({ offset: 4 }, i32.add(scratch, to)))
            i32.store({ offset: 4 }, i32.add(places, to), i32.load({}, i32.add(places, to)))
          })
          return local.get(more)
        })
        f32.store({ offset: 4 }, i32.add(scratch, to), height)
        i32.store({}, i32.add(places, to), i32.shr_u(i32.sub(at, x), 2))
        // least = what a number must exceed now
        when(i32.eq(kept, k), () => local.set(least, v128.load32_splat({}, i32.add(scratch, i32.shl(k, 2)))))
      }
      local.set(bytes, i32.mul(width, 4))
      increment(x, i32.mul(first, bytes))
      increment(places, i32.mul(i32.mul(first, k), 4))
      forUpTo(first, last, 1, () => {
        local.set(kept, i32.const(0))
        local.set(least, splat(NaN)) // nothing is below it
        // most numbers are below the least that is kept, and need no more than this
        forLanes(
          c,
          bytes,
          ({ load, numbers }, vectors) => {
            for (let i = 0; i < vectors; i++) {
              local.set(value, f32x4.le(load(i32.add(x, c), i * 16), least))
              local.set(below, i === 0 ? value : v128.and(below, value))
            }
            when(i32.eqz(i32x4.all_true(below)), () => {
              local.set(at, i32.add(x, c))
              local.set(end, i32.add(at, numbers * vectors * 4))
              forUpTo(at, end, 4, () => {
                local.set(height, f32.load({}, at))
                when(f32.ne(height, height), () => local.set(height, f32.const(Infinity)))
                when(i32.eqz(f32.le(height, f32x4.extract_lane(0, least))), insert)
              })
            })
          },
          4,
        )
        increment(x, bytes)
        increment(places, i32.mul(k, 4))
      })
    },
  )
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
