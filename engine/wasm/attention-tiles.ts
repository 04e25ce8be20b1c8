/*
 * Scores and mixtures of a tile of queries are matrix products, made by linear's tiles from panels of keys and of
 * values (attention-panels.ts): no output depends on how many queries share a tile.
 */
import { f32x4, i32, local, v128 } from 'wasmati'
import { copyBytes, forLanes, forUpTo, increment, splat, when, whileBelow } from './emit.ts'
import { call, func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { i32s } from './kernels.ts'
import { setTilePanels, type AnyTile } from './tile.ts'

/**
 * scores[r][j] = scale * (q[r] . k[j]) for keys up to the last that row `rows - 1` may look at, or some more. Row 0 may
 * look at `visible` of them, each next row at one more.
 */
export function scores({ panel }: Emitter, anyTile: AnyTile) {
  return func(
    {
      in: {
        ...i32s('q stride rows dHead packedKeys visible'),
        scale: 'f32',
        ...i32s('scores scoreStride sums'),
      },
      locals: { i32: 8, v128: 1 },
    },
    (
      { q, stride, rows, dHead, packedKeys, visible, scale, scores, scoreStride, sums },
      { i32: [p, lastPanel, panels, panelStride, r, c, width, from], v128: [value] },
    ) => {
      local.set(panelStride, i32.mul(dHead, panel * 4))
      local.set(lastPanel, i32.div_u(i32.add(i32.add(visible, rows), panel - 2), panel))
      // for each panel of keys; several at a time where rows are few
      local.set(p, i32.const(0))
      whileBelow(p, lastPanel, () => {
        setTilePanels(panels, rows, p, lastPanel)
        const keys = { weights: packedKeys, panelStride, step: panel * 4 }
        call(anyTile, { rows, panels, x: q, xStride: stride, ...keys, K: dHead, sums })
        // scores = sums * scale
        local.set(width, i32.mul(panels, panel * 4))
        local.set(from, sums)
        local.set(r, i32.const(0))
        forUpTo(r, rows, 1, () => {
          forLanes(
            c,
            width,
            ({ load, store }, vectors) => {
              for (let i = 0; i < vectors; i++) {
                local.set(value, load(i32.add(from, c), i * 16))
                local.set(value, f32x4.mul(value, f32x4.splat(scale)))
                store(i32.add(i32.add(scores, i32.mul(r, scoreStride)), c), value, i * 16)
              }
            },
            panel / 4,
          )
          increment(from, width)
        })
        increment(scores, width)
        increment(packedKeys, i32.mul(panelStride, panels))
        increment(p, panels)
      })
    },
  )
}

/**
 * out[r][c] = sum over the keys j that row r may look at of weights[r][j] * v[j][c]: the sum over the first `before`
 * keys, which all rows may look at, in the order of linear, plus the sum over the others, from zero.
 * Values lie `step` bytes from key to key, and `panelStride` from panel to panel.
 */
export function mixture(emitter: Emitter, anyTile: AnyTile) {
  const { panel } = emitter
  const addLast = addLastKeys(emitter)
  return func(
    {
      in: i32s('weights weightStride rows visible before values panelStride step dHead out stride sums'),
      locals: { i32: 10 },
    },
    (
      { weights, weightStride, rows, visible, before, values, panelStride, step, dHead, out, stride, sums },
      { i32: [p, lastPanel, panels, sum, sumStride, sumsEnd, lastWeights, lastCount, lastValues, left] },
    ) => {
      local.set(lastPanel, i32.div_u(i32.add(dHead, panel - 1), panel))
      local.set(left, i32.mul(dHead, 4))
      local.set(lastWeights, i32.add(weights, i32.mul(before, 4)))
      local.set(lastCount, i32.sub(visible, before))
      // for each panel of columns; several at a time where rows are few
      local.set(p, i32.const(0))
      whileBelow(p, lastPanel, () => {
        setTilePanels(panels, rows, p, lastPanel)
        const firstKeys = { weights: values, panelStride, step, K: before }
        call(anyTile, { rows, panels, x: weights, xStride: weightStride, ...firstKeys, sums })
        local.set(sumStride, i32.mul(panels, panel * 4))
        local.set(sum, sums)
        local.set(sumsEnd, i32.add(sums, sumStride))
        forUpTo(sum, sumsEnd, panel * 4, () => {
          local.set(lastValues, i32.add(values, i32.mul(before, step)))
          const lastKeys = { weights: lastWeights, weightStride, count: lastCount, values: lastValues, step }
          call(addLast, { sums: sum, sumStride, rows, ...lastKeys, valid: left, out, stride })
          increment(values, panelStride)
          increment(out, panel * 4)
          increment(left, -panel * 4)
        })
        increment(p, panels)
      })
    },
  )
}

/**
 * out[r] = sums[r] + the sum over row r's last keys of weights[r][j] * v[j], one panel of columns, of which `valid` bytes
 * are no padding. Row 0 has `count` last keys, each next row one more.
 */
function addLastKeys({ panel, madd }: Emitter) {
  return func(
    {
      in: i32s('sums sumStride rows weights weightStride count values step valid out stride'),
      locals: { i32: 4, v128: 2 + panel / 4 },
    },
    (
      { sums, sumStride, rows, weights, weightStride, count, values, step, valid, out, stride },
      { i32: [r, weightAt, end, valueAt], v128: [weight, value, ...totals] },
    ) => {
      // for each row
      local.set(r, i32.const(0))
      forUpTo(r, rows, 1, () => {
        // totals = sum over its last keys of weights[j] * v[j]
        for (const total of totals) local.set(total, splat(0))
        local.set(valueAt, values)
        local.set(weightAt, weights)
        local.set(end, i32.add(weights, i32.mul(count, 4)))
        forUpTo(weightAt, end, 4, () => {
          local.set(weight, v128.load32_splat({}, weightAt))
          totals.forEach((total, i) => {
            local.set(value, v128.load({ offset: i * 16 }, valueAt))
            local.set(total, madd(weight, value, total))
          })
          increment(valueAt, step)
        })
        // out = sums + totals
        totals.forEach((total, i) => local.set(total, f32x4.add(v128.load({ offset: i * 16 }, sums), total)))
        when(
          i32.ge_s(valid, panel * 4),
          () => totals.forEach((total, i) => v128.store({ offset: i * 16 }, out, total)),
          () => {
            totals.forEach((total, i) => v128.store({ offset: i * 16 }, sums, total))
            copyBytes(out, sums, valid)
          },
        )
        increment(sums, sumStride)
        increment(weights, weightStride)
        increment(out, stride)
        increment(count, 1)
      })
    },
  )
}
