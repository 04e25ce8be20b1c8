// Quantising W: every feature becomes int8 numbers times a scale, and what bounds their error.
import { f32, f32x4, i16x8, i32, i32x4, i8x16, local, v128, type Local } from 'wasmati'
import { forUpTo, increment, splat, when, type V128 } from '../emit.ts'
import type { Emitter } from '../emitter.ts'
import { call, func } from '../function.ts'
import { f32s, i32s, KERNELS } from '../kernels.ts'
import { FEATURE_MOST, LEAST, MOST, SUM16_MOST } from './bound.ts'
import { FEATURE, FEATURE_BYTES, GROUP, STEP } from './layout.ts'

const QUARTERS = [0, 16, 32, 48] as const // of a step of numbers, in bytes

/**
 * Leaves what a feature is to be divided by, so that its whole numbers are at most FEATURE_MOST, and, where tiles add products up
 * in 16 bits (int8-tile.ts, `pairs`), those of one sign in such a sum at most SUM16_MOST together. w: up to `end`, in whole steps.
 */
function featureScale({ int8 }: Emitter) {
  return func(
    { in: i32s('w end'), locals: { v128: 5, f32: 2 }, out: 'f32' },
    ({ w, end }, { v128: [x, sum, sizes, largest, together], f32: [most, mostTogether] }) => {
      for (const total of [largest, together]) local.set(total, splat(0))
      forUpTo(w, end, STEP * 4, () => {
        for (const total of [sum, sizes]) local.set(total, splat(0))
        for (const offset of QUARTERS) {
          local.set(x, v128.load({ offset }, w))
          local.set(sum, f32x4.add(x, sum))
          local.set(x, f32x4.abs(x))
          local.set(sizes, f32x4.add(x, sizes))
          local.set(largest, f32x4.max(x, largest))
        }
        // every four numbers' first two go into one 16-bit sum, the other two into another
        for (const total of [sum, sizes]) addNeighbours(total)
        // the numbers of the sign that adds up to more: (sum |w| + |sum w|) / 2
        local.set(sizes, f32x4.add(f32x4.abs(sum), sizes))
        local.set(together, f32x4.max(sizes, together))
      })
      setLargest(most, largest)
      setLargest(mostTogether, together)
      // each of the STEP / 2 numbers of a 16-bit sum may be rounded up by a half, if it is of that sign
      local.set(most, f32.mul(most, 1 / FEATURE_MOST))
      local.set(mostTogether, f32.mul(mostTogether, 0.5 / (SUM16_MOST - STEP / 4)))
      if (int8 === 'pairs') f32.max(most, mostTogether)
      else local.get(most)
    },
  )
}

/** Lanes 0 and 1 become their sum, and so do lanes 2 and 3. */
function addNeighbours(x: V128): void {
  local.get(x)
  i8x16.shuffle([4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11], x, x)
  f32x4.add()
  local.set(x)
}

function acrossLanes(total: Local<'f32'>, lanes: V128, op: typeof f32.add): void {
  local.set(total, f32x4.extract_lane(0, lanes))
  for (const lane of [1, 2, 3] as const) local.set(total, op(f32x4.extract_lane(lane, lanes), total))
}

function setLargest(total: Local<'f32'>, lanes: V128): void {
  acrossLanes(total, lanes, f32.max)
}

/**
 * Makes a feature w = scale v + d, and rounds what bounds them up. One of NaN, infinity or numbers outside of LEAST and MOST
 * becomes zeros with a bias of NaN, which no screen drops. Where a group has them, `at` is the feature's constants, `int8`
 * its numbers, four at a time.
 * Sums are float32, of numbers scaled to at most FEATURE_MOST: their roundings are less than the factor `slack`.
 */
function quantizeFeature(emitter: Emitter) {
  const scaleOf = featureScale(emitter)
  return func(
    {
      in: { ...i32s('w end bias floor int8 at'), ...f32s('slack biasFactor') },
      locals: { i32: 2, f32: 4, v128: 6 },
    },
    (
      { w, end, bias, floor, int8, at, slack, biasFactor },
      { i32: [total, ok], f32: [scale, factor, perScale, sum], v128: [x, v, left, totals, squares, errors] },
    ) => {
      local.set(scale, call(scaleOf, { w, end }))
      local.set(ok, i32.and(f32.ge(scale, LEAST), f32.le(scale, MOST)))
      for (const number of [factor, perScale]) local.set(number, f32.const(0))
      when(ok, () => {
        local.set(factor, scale)
        local.set(perScale, f32.div(f32.const(1), scale))
      })
      for (const zero of [totals, squares, errors]) local.set(zero, splat(0))
      // for each four numbers: v = the whole numbers nearest to w / scale, and what they leave over
      forUpTo(w, end, 16, () => {
        local.set(x, f32x4.mul(f32x4.splat(perScale), v128.load({}, w)))
        local.set(squares, f32x4.add(f32x4.mul(x, x), squares))
        local.set(v, f32x4.nearest(x))
        local.set(left, f32x4.mul(f32x4.splat(factor), v))
        local.set(left, f32x4.sub(v128.load({}, w), left))
        local.set(left, f32x4.mul(f32x4.splat(perScale), left))
        local.set(errors, f32x4.add(f32x4.mul(left, left), errors))
        local.set(v, i32x4.trunc_sat_f32x4_s(v))
        local.set(totals, i32x4.add(totals, v))
        local.set(v, i16x8.narrow_i32x4_s(v, v))
        local.set(v, i8x16.narrow_i16x8_s(v, v))
        v128.store32_lane({}, 0, int8, v)
        increment(int8, GROUP * 4)
      })
      const storeNorm = (offset: number, squares: V128) => {
        acrossLanes(sum, squares, f32.add)
        when(
          ok,
          () => local.set(sum, f32.mul(f32.mul(f32.sqrt(sum), scale), slack)),
          () => local.set(sum, f32.const(0)), // it may be NaN
        )
        f32.store({ offset }, at, sum)
      }
      f32.store({ offset: FEATURE.scale }, at, factor)
      storeNorm(FEATURE.norm, squares)
      storeNorm(FEATURE.error, errors)
      // bias, with its share of roundings where it is above zero, or NaN, unless all numbers are zero
      local.set(sum, f32.load({}, bias))
      when(f32.gt(sum, 0), () => local.set(sum, f32.mul(sum, biasFactor)))
      i32.or(ok, f32.eq(scale, 0))
      when(i32.eqz(), () => local.set(sum, f32.const(NaN)))
      f32.store({ offset: FEATURE.bias }, at, sum)
      f32.store({ offset: FEATURE.floor }, at, f32.load({}, floor))
      // 0 - INT8_OFFSET * total
      local.set(total, i32x4.extract_lane(0, totals))
      for (const lane of [1, 2, 3] as const)
        local.set(total, i32.add(i32x4.extract_lane(lane, totals), total))
      i32.store({ offset: FEATURE.start }, at, i32.sub(0, i32.shl(total, 6)))
    },
  )
}

/** All features of a range. int8 [groups][padded / 4][GROUP][4]. */
export function quantizeFeatures(emitter: Emitter) {
  const one = quantizeFeature(emitter)
  return func(
    { in: KERNELS.quantizeFeatures, locals: { i32: 5 } },
    (
      { weights, padded, bias, floors, int8, features, slack, biasFactor, first: f, last },
      { i32: [stride, w, end, group, lane] },
    ) => {
      local.set(stride, i32.mul(padded, 4))
      forUpTo(f, last, 1, () => {
        local.set(w, i32.add(weights, i32.mul(f, stride)))
        local.set(end, i32.add(w, stride))
        local.set(group, i32.div_u(f, GROUP))
        local.set(lane, i32.mul(i32.rem_u(f, GROUP), 4))
        call(one, {
          ...{ w, end, bias: i32.add(bias, i32.mul(f, 4)), floor: i32.add(floors, i32.mul(f, 4)) },
          int8: i32.add(i32.add(int8, i32.mul(i32.mul(group, padded), GROUP)), lane),
          at: i32.add(i32.add(features, i32.mul(group, FEATURE_BYTES)), lane),
          slack,
          biasFactor,
        })
      })
    },
  )
}
