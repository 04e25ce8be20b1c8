// Keys and values of a head, packed as linear's tiles read weights.
import { f32, i32, i8x16, local, v128 } from 'wasmati'
import { forLanes, forUpTo, increment, limitTo, LOWER_HALVES, whileBelow, type V128 } from './emit.ts'
import { func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { i32s } from './kernels.ts'

/** Orders for i8x16.shuffle: halves of two vectors, number by number in turn, or one behind the other. */
const ZIP = {
  lower: [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23],
  upper: [8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31],
}
const HALVES = {
  lower: LOWER_HALVES,
  upper: [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31],
}

/**
 * Turns a block of 4 x 4 numbers, given as its rows. -> its columns, as four of these five registers
 */
export function turnFour([r0, r1, r2, r3]: readonly V128[], spare: V128): V128[] {
  /** x and y become their lower halves, number by number in turn, and their upper halves likewise. */
  const zip = (x: V128, y: V128) => {
    local.set(spare, i8x16.shuffle(ZIP.lower, x, y))
    local.set(y, i8x16.shuffle(ZIP.upper, x, y))
    local.set(x, spare)
  }
  zip(r0, r1)
  zip(r2, r3)
  local.set(spare, i8x16.shuffle(HALVES.upper, r0, r2))
  local.set(r0, i8x16.shuffle(HALVES.lower, r0, r2))
  local.set(r2, i8x16.shuffle(HALVES.lower, r1, r3))
  local.set(r3, i8x16.shuffle(HALVES.upper, r1, r3))
  return [r0, spare, r2, r3]
}

/**
 * A head's keys [keys][dHead] as panels [ceil(keys / panel)][dHead][panel]: as a weight whose columns are keys.
 * What the last panel has beyond them is without meaning: nobody reads those scores.
 */
export function packKeys({ panel }: Emitter) {
  return func(
    { in: i32s('k stride keys dHead out'), locals: { i32: 9, v128: 5 } },
    (
      { k, stride, keys, dHead, out },
      { i32: [key, last, k1, k2, k3, c, bytes, wideBytes, to], v128: [spare, ...rows] },
    ) => {
      const froms = [k, k1, k2, k3]
      local.set(bytes, i32.mul(dHead, 4))
      local.set(wideBytes, i32.and(bytes, -16))
      local.set(last, i32.add(k, i32.mul(i32.sub(keys, 1), stride)))
      // for each four keys (the last key again where there are fewer)
      local.set(key, i32.const(0))
      forUpTo(key, keys, 4, () => {
        for (let i = 1; i < 4; i++) {
          local.set(froms[i], i32.add(froms[i - 1], stride))
          limitTo(froms[i], last)
        }
        // to = the first key's lane of its panel
        local.set(to, i32.and(key, panel - 1))
        local.set(to, i32.add(i32.mul(i32.sub(key, to), dHead), to))
        local.set(to, i32.add(out, i32.mul(to, 4)))
        // to[c][i] = key i's number c: four numbers of each key at a time, then one
        local.set(c, i32.const(0))
        whileBelow(c, wideBytes, () => {
          for (const [i, from] of froms.entries()) local.set(rows[i], v128.load({}, i32.add(from, c)))
          for (const [i, column] of turnFour(rows, spare).entries())
            v128.store({ offset: i * panel * 4 }, to, column)
          increment(c, 16)
          increment(to, 4 * panel * 4)
        })
        forUpTo(c, bytes, 4, () => {
          for (const [i, from] of froms.entries())
            f32.store({ offset: i * 4 }, to, f32.load({}, i32.add(from, c)))
          increment(to, panel * 4)
        })
        local.set(k, i32.add(k3, stride))
      })
    },
  )
}

/**
 * A head's values [keys][dHead] as panels [ceil(dHead / panel)][keys][panel]: as a weight whose rows are keys.
 * Columns that the last panel lacks are left as they are: nobody reads what they give.
 */
export function packValues({ panel }: Emitter) {
  return func(
    { in: i32s('v stride keys dHead out'), locals: { i32: 6, v128: 1 } },
    ({ v, stride, keys, dHead, out }, { i32: [left, none, key, from, c, width], v128: [value] }) => {
      // for each panel of columns (left: bytes of columns from it on), for each key
      local.set(left, i32.mul(dHead, 4))
      whileBelow(none, left, () => {
        local.set(width, i32.const(panel * 4))
        limitTo(width, left)
        local.set(from, v)
        local.set(key, i32.const(0))
        forUpTo(key, keys, 1, () => {
          forLanes(
            c,
            width,
            ({ load, store }, vectors) => {
              for (let i = 0; i < vectors; i++) {
                local.set(value, load(i32.add(from, c), i * 16))
                store(i32.add(out, c), value, i * 16)
              }
            },
            panel / 4,
          )
          increment(from, stride)
          increment(out, panel * 4)
        })
        increment(v, panel * 4)
        local.set(left, i32.sub(left, width))
      })
    },
  )
}
