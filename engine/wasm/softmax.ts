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

/** out[i] = exp(x[i] - max x) / sum of these, one row of `width` numbers; out may be x. The sum is float64. */
export function softmaxOfRow({ madd }: Emitter) {
  const largest = largestOfRow()
  return func(
    { in: i32s('x out width'), locals: { i32: 2, v128: 7 } },
    ({ x, out, width }, { i32: [c, end], v128: [value, max, n, r, sum, low, high] }) => {
      local.set(end, i32.mul(width, 4))
      // max = the largest x[i] that is a number; a NaN comes out of the sum anyway
      local.set(max, f32x4.splat(call(largest, { x, width })))
      // out[i] = exp(x[i] - max); sum += out[i]
      clearSum({ low, high })
      const exponentiate = ({ load, store, clear }: Lanes, vectors: number) => {
        for (let i = 0; i < vectors; i++) {
          local.set(value, f32x4.sub(load(i32.add(x, c), i * 16), max))
          emitExp(value, { n, r, sum }, madd)
          store(i32.add(out, c), value, i * 16)
          clear(value)
          addToSum({ low, high }, value)
        }
      }
      forLanes(c, end, exponentiate, 4) // four, because V8 makes the polynomial's constants anew in every step
      // out[i] = out[i] / sum
      local.set(sum, f32x4.splat(f32.demote_f64(totalOf({ low, high }))))
      forLanes(c, end, ({ load, store }) => {
        local.set(value, f32x4.div(load(i32.add(out, c)), sum))
        store(i32.add(out, c), value)
      })
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
