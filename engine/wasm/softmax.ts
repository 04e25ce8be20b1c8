import { f32, f32x4, i32, local } from 'wasmati'
import { addToSum, clearSum, forLanes, forRows, splat, totalOf, type Lanes } from './emit.ts'
import { call, func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { i32s, KERNELS } from './kernels.ts'
import { emitExp } from './math.ts'

/** The largest x[i] that is a number, of one row of `width`; -infinity where there is none. */
export function largestOfRow() {
  return func(
    { in: i32s('x width'), locals: { i32: 2, f32: 1, v128: 4 }, out: 'f32' },
    ({ x, width }, { i32: [c, end], f32: [largest], v128: maxes }) => {
      local.set(end, i32.mul(width, 4))
      for (const one of maxes) local.set(one, splat(-Infinity))
      // pmax(a, b) is a < b ? b : a
      const takeLargest = ({ load }: Lanes, vectors: number) => {
        for (let i = 0; i < vectors; i++)
          local.set(maxes[i], f32x4.pmax(maxes[i], load(i32.add(x, c), i * 16)))
      }
      forLanes(c, end, takeLargest, maxes.length)
      const [max, ...others] = maxes
      for (const other of others) local.set(max, f32x4.pmax(max, other))
      local.set(largest, f32x4.extract_lane(0, max))
      for (const lane of [1, 2, 3]) local.set(largest, f32.max(largest, f32x4.extract_lane(lane, max)))
      local.get(largest)
    },
  )
}

/** out[i] = exp(x[i] - largest), one row of `width` numbers; out may be x. */
export function exponentialsOfRow({ madd }: Emitter) {
  return func(
    { in: { ...i32s('x out width'), largest: 'f32' }, locals: { i32: 4, v128: 8 } },
    ({ x, out, width, largest }, { i32: [c, end, from, to], v128: [max, n, r, sum, ...values] }) => {
      local.set(end, i32.mul(width, 4))
      local.set(max, f32x4.splat(largest))
      forLanes(
        c,
        end,
        ({ load, store }, vectors) => {
          const used = values.slice(0, vectors)
          local.set(from, i32.add(x, c))
          local.set(to, i32.add(out, c))
          used.forEach((value, i) => local.set(value, load(from, i * 16)))
          for (const value of used) {
            local.set(value, f32x4.sub(value, max))
            emitExp(value, { n, r, sum }, madd)
          }
          used.forEach((value, i) => store(to, value, i * 16)) // side by side: V8 pairs them
        },
        values.length,
      )
    },
  )
}

/** The sum of one row of `width` numbers, in float64. */
export function totalOfRow() {
  return func(
    { in: i32s('x width'), locals: { i32: 2, v128: 3 }, out: 'f64' },
    ({ x, width }, { i32: [c, end], v128: [value, low, high] }) => {
      local.set(end, i32.mul(width, 4))
      clearSum({ low, high })
      const add = ({ load, clear }: Lanes, vectors: number) => {
        for (let i = 0; i < vectors; i++) {
          local.set(value, load(i32.add(x, c), i * 16))
          clear(value)
          addToSum({ low, high }, value)
        }
      }
      forLanes(c, end, add, 4)
      totalOf({ low, high })
    },
  )
}

/** out[i] = exp(x[i] - max x) / sum of these, one row of `width` numbers; out may be x. The sum is float64. */
export function softmaxOfRow(emitter: Emitter) {
  const [largestOf, exponentials, totalOf] = [largestOfRow(), exponentialsOfRow(emitter), totalOfRow()]
  return func(
    { in: i32s('x out width'), locals: { i32: 3, v128: 3 } },
    ({ x, out, width }, { i32: [c, end, at], v128: [sum, ...values] }) => {
      // the largest that is a number; a NaN comes out of the sum anyway
      call(exponentials, { x, out, width, largest: call(largestOf, { x, width }) })
      local.set(sum, f32x4.splat(f32.demote_f64(call(totalOf, { x: out, width }))))
      // out[i] = out[i] / sum
      local.set(end, i32.mul(width, 4))
      forLanes(
        c,
        end,
        ({ load, store }, vectors) => {
          const used = values.slice(0, vectors)
          local.set(at, i32.add(out, c))
          used.forEach((value, i) => local.set(value, f32x4.div(load(at, i * 16), sum)))
          used.forEach((value, i) => store(at, value, i * 16))
        },
        values.length,
      )
    },
  )
}

/** softmaxOfRow for a range of rows. */
export function softmax(emitter: Emitter) {
  const ofRow = softmaxOfRow(emitter)
  return func(
    { in: KERNELS.softmax, locals: { i32: 1 } },
    ({ x, out, width, first, last }, { i32: [bytes] }) => {
      local.set(bytes, i32.mul(width, 4))
      forRows({ first, last, bytes }, [x, out], () => call(ofRow, { x, out, width }))
    },
  )
}
