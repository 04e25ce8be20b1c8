// Quantising W: every column becomes int8 numbers times a scale, and what bounds their error.
import { f32x4, i32, i32x4, local, v128 } from 'wasmati'
import { forUpTo, increment, limitTo, splat, when, whileBelow, type I32, type V128 } from '../emit.ts'
import { call, func } from '../function.ts'
import type { Emitter } from '../emitter.ts'
import { i32s, KERNELS } from '../kernels.ts'
import { HALVES } from './bound-test.ts'
import { COLUMN_MOST, LANE_MOST, LEAST, MOST } from './bound.ts'
import { COLUMN, COLUMN_BYTES, GROUP, GROUP_BYTES, STEP } from './layout.ts'

/** Where in every four numbers of a column those begin that go into one 16-bit sum; each has two. */
const LANES = [0, 2] as const

/**
 * scale[4] = what four columns are to be divided by, so that their whole numbers are at most COLUMN_MOST, and so that those of
 * one sign which a step of a tile adds up in 16 bits (int8-tile.ts) are at most LANE_MOST together.
 * w [K] has a vector every `stride` bytes.
 */
function columnScales() {
  return func(
    { in: i32s('w stride K scale'), locals: { i32: 4, v128: 5 } },
    ({ w, stride, K, scale }, { i32: [step, end, k, at], v128: [largest, lane, sum, sizes, x] }) => {
      for (const most of [largest, lane]) local.set(most, splat(0))
      // for each step, for each lane of it:
      local.set(step, i32.const(0))
      forUpTo(step, K, STEP, () => {
        local.set(end, i32.add(step, STEP))
        limitTo(end, K)
        for (const start of LANES) {
          for (const total of [sum, sizes]) local.set(total, splat(0))
          local.set(k, i32.add(step, start))
          whileBelow(k, end, () => {
            for (const next of [0, 1]) {
              when(i32.lt_u(k, end), () => {
                local.set(at, i32.add(w, i32.mul(k, stride)))
                local.set(x, v128.load({}, at))
                local.set(sum, f32x4.add(x, sum))
                local.set(x, f32x4.abs(x))
                local.set(sizes, f32x4.add(x, sizes))
                local.set(largest, f32x4.max(largest, x))
              })
              increment(k, next === 0 ? 1 : 3)
            }
          })
          // the numbers of the sign that adds up to more: (sum |w| + |sum w|) / 2
          local.set(sizes, f32x4.add(f32x4.abs(sum), sizes))
          local.set(lane, f32x4.max(lane, sizes))
        }
      })
      // each of a lane's STEP / 2 numbers may be rounded up by a half, if it is of that sign
      local.set(largest, f32x4.mul(largest, splat(1 / COLUMN_MOST)))
      local.set(lane, f32x4.mul(lane, splat(0.5 / (LANE_MOST - STEP / 4))))
      v128.store({}, scale, f32x4.max(largest, lane))
    },
  )
}

/**
 * Makes four columns w_j = scale v_j + d_j, and rounds what bounds them up. w [K] has a vector every `stride` bytes. Columns of NaN, infinity or numbers outside
 * of LEAST and MOST become zeros with a bias of infinity, which no screen drops.
 * Sums are float32, of numbers scaled to at most COLUMN_MOST: their roundings are less than the factor `slack`.
 */
function quantizeFour() {
  const scales = columnScales()
  return func(
    { in: { ...i32s('w stride K bias int8 padded columns'), slack: 'f32' }, locals: { i32: 2, v128: 11 } },
    (
      { w, stride, K, bias, int8, padded, columns, slack },
      { i32: [k, shift], v128: [scale, perScale, ok, x, v, bytes, total, squares, errors, extra, empty] },
    ) => {
      const store = (offset: number, value: V128) => v128.store({ offset }, columns, value)
      call(scales, { w, stride, K, scale: i32.add(columns, COLUMN.scale) })
      local.set(scale, v128.load({ offset: COLUMN.scale }, columns))
      // ok: columns that can be screened; empty: columns of zeros
      local.set(ok, f32x4.ge(scale, splat(LEAST)))
      local.set(x, f32x4.le(scale, splat(MOST)))
      local.set(ok, v128.and(ok, x))
      local.set(empty, f32x4.eq(scale, splat(0)))
      local.set(x, splat(1))
      local.set(perScale, f32x4.div(x, scale))
      for (const factor of [scale, perScale]) local.set(factor, v128.and(factor, ok))
      for (const sum of [bytes, total, squares, errors]) local.set(sum, splat(0))
      // for each k: v = the whole number nearest to w / scale, and what it leaves over; zeros from K on
      local.set(k, i32.const(0))
      whileBelow(k, padded, () => {
        when(i32.lt_u(k, K), () => {
          local.set(x, f32x4.mul(v128.load({}, w), perScale))
          local.set(squares, f32x4.add(f32x4.mul(x, x), squares))
          local.set(v, f32x4.nearest(x))
          local.set(x, f32x4.mul(v, scale))
          local.set(x, f32x4.sub(v128.load({}, w), x))
          local.set(x, f32x4.mul(x, perScale))
          local.set(errors, f32x4.add(f32x4.mul(x, x), errors))
          local.set(v, i32x4.trunc_sat_f32x4_s(v))
          local.set(total, i32x4.add(total, v))
          // four k are the four bytes of a word
          local.set(shift, i32.mul(i32.and(k, 3), 8))
          local.set(v, v128.and(v, v128.const('i32x4', [255, 255, 255, 255])))
          local.set(v, i32x4.shl(v, shift))
          local.set(bytes, v128.or(bytes, v))
          increment(w, stride)
        })
        increment(k, 1)
        i32.and(k, 3)
        when(i32.eqz(), () => {
          v128.store({}, int8, bytes)
          local.set(bytes, splat(0))
          increment(int8, GROUP * 4)
        })
      })
      const roundedUpNorm = (sum: V128) => {
        local.set(sum, f32x4.mul(f32x4.sqrt(sum), scale))
        local.set(sum, f32x4.mul(sum, f32x4.splat(slack)))
        local.set(sum, v128.and(sum, ok)) // NaN where the column is not screened
      }
      roundedUpNorm(squares)
      roundedUpNorm(errors)
      // bias, or infinity
      local.set(ok, v128.or(ok, empty))
      local.set(extra, splat(Infinity))
      local.set(x, v128.bitselect(v128.load({}, bias), extra, ok))
      store(COLUMN.scale, scale)
      store(COLUMN.bias, x)
      store(COLUMN.norm, squares)
      store(COLUMN.error, errors)
      // 0 - INT8_OFFSET * total
      local.set(total, i32x4.neg(i32x4.shl(total, 6)))
      store(COLUMN.start, total)
    },
  )
}

/** weights = the float32 weights of group g: a panel, or half of one */
export function setGroupWeights({ panel }: Emitter, weights: I32, all: I32, g: I32, inputs: I32): void {
  const groups = panel / GROUP
  local.set(weights, i32.div_u(g, groups))
  local.set(weights, i32.mul(i32.mul(weights, inputs), panel * 4))
  local.set(weights, i32.add(weights, i32.mul(i32.rem_u(g, groups), GROUP_BYTES)))
  local.set(weights, i32.add(weights, all))
}

/** All columns of a range of groups, four at a time. int8 [groups][padded / 4][GROUP][4], padded: `inputs` in whole steps. */
export function quantizeColumns(emitter: Emitter) {
  const four = quantizeFour()
  return func(
    { in: KERNELS.quantizeColumns, locals: { i32: 1 } },
    ({ weights, inputs, bias, int8, padded, columns, slack, first: g, last }, { i32: [w] }) =>
      forUpTo(g, last, 1, () => {
        setGroupWeights(emitter, w, weights, g, inputs)
        for (const half of HALVES)
          call(four, {
            w: i32.add(w, half),
            stride: emitter.panel * 4,
            K: inputs,
            bias: i32.add(i32.add(bias, i32.mul(g, GROUP_BYTES)), half),
            int8: i32.add(i32.add(int8, i32.mul(i32.mul(g, padded), GROUP)), half),
            padded,
            columns: i32.add(i32.add(columns, i32.mul(g, COLUMN_BYTES)), half),
            slack,
          })
      }),
  )
}
