import { f32, f32x4, f64, f64x2, i32, i8x16, local } from 'wasmati'
import { addToSum, clearSum, forLanes, forRows, LOWER_HALVES, totalOf } from './emit.ts'
import { func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { KERNELS } from './kernels.ts'
import { centerHalves, emitMoments } from './layer-norm.ts'

/**
 * With n = (x - mean) s, s = 1 / sqrt(variance + eps) and g = dY weight: out[i] = s (g[i] - mean(g) - n[i] mean(g n)), and
 * products[i] = dY[i] n[i], whose sums over rows are the weight's gradient; for a range of rows of `width` numbers. Means,
 * variance and n are float64, two lanes at a time.
 */
export function layerNormBackward({ madd }: Emitter) {
  return func(
    { in: KERNELS.layerNormBackward, locals: { i32: 2, f64: 1, v128: 9 } },
    (
      { dY, x, weight, out, products, width, eps, first, last },
      { i32: [c, bytes], f64: [count], v128: [value, other, mean, scale, low, high, meanG, meanGN, dy] },
    ) => {
      const sums = { low, high }
      const row = { x, eps, c, bytes, count, value, other, mean, scale, low, high }
      const meanOf = () => f32x4.splat(f32.demote_f64(f64.div(totalOf(sums), count)))
      local.set(bytes, i32.mul(width, 4))
      local.set(count, f64.convert_i32_u(width))
      forRows({ first, last, bytes }, [dY, x, out, products], () => {
        emitMoments(row)
        // products[i] = n[i]; out[i] = g[i]; meanG = sum of g[i] / width
        clearSum(sums)
        forLanes(c, bytes, ({ load, store, clear }) => {
          local.set(value, load(i32.add(x, c)))
          centerHalves(row)
          local.set(value, f32x4.demote_f64x2_zero(f64x2.div(value, scale)))
          local.set(other, f32x4.demote_f64x2_zero(f64x2.div(other, scale)))
          local.set(value, i8x16.shuffle(LOWER_HALVES, value, other))
          store(i32.add(products, c), value)
          local.set(value, load(i32.add(dY, c)))
          local.set(value, f32x4.mul(value, load(i32.add(weight, c))))
          store(i32.add(out, c), value)
          clear(value)
          addToSum(sums, value)
        })
        local.set(meanG, meanOf())
        // meanGN = sum of g[i] n[i] / width
        clearSum(sums)
        forLanes(c, bytes, ({ load, clear }) => {
          local.set(value, load(i32.add(out, c)))
          local.set(value, f32x4.mul(value, load(i32.add(products, c))))
          clear(value)
          addToSum(sums, value)
        })
        local.set(meanGN, meanOf())
        // out[i] = (g[i] - meanG - n[i] meanGN) / scale; products[i] = dY[i] n[i]
        local.set(meanGN, f32x4.neg(meanGN))
        local.set(scale, f32x4.demote_f64x2_zero(scale))
        local.set(scale, f32x4.splat(f32x4.extract_lane(0, scale)))
        forLanes(c, bytes, ({ load, store }) => {
          local.set(other, load(i32.add(products, c)))
          local.set(value, f32x4.sub(load(i32.add(out, c)), meanG))
          local.set(value, madd(other, meanGN, value))
          local.set(value, f32x4.div(value, scale))
          store(i32.add(out, c), value)
          local.set(dy, load(i32.add(dY, c)))
          local.set(other, f32x4.mul(other, dy))
          store(i32.add(products, c), other)
        })
      })
    },
  )
}
