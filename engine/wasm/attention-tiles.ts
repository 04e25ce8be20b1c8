import { call, f32, f32x4, func, i32, local, v128 } from 'wasmati'
import { copyBytes, forLanes, forUpTo, increment, splat, when, whileBelow } from './emit.ts'
import type { Emitter } from './kernel.ts'
import { setTilePanels, type AnyTile } from './tile.ts'

/*
 * Scores and mixtures of a tile of queries are matrix products, made by linear's tiles from panels of keys and of
 * values (attention-panels.ts): no output depends on how many queries share a tile.
 */

/** scores[r][j] = scale * (q[r] . k[j]) for keys up to the last that row `rows - 1` may look at, or some more. */
export function scores({ panel }: Emitter, anyTile: AnyTile) {
  return func(
    {
      // q, bytes from row to row, rows, numbers a head, packed keys, keys that the first row may look at, scale,
      // scores, bytes from row to row of scores, sums (scratch)
      in: [i32, i32, i32, i32, i32, i32, f32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32, i32, i32, v128],
      out: [],
    },
    (
      [q, stride, rows, dHead, packed, visible, scale, out, outStride, sums],
      [p, lastPanel, panels, panelBytes, r, c, width, from, value],
    ) => {
      local.set(panelBytes, i32.mul(dHead, panel * 4))
      local.set(lastPanel, i32.div_u(i32.add(i32.add(visible, rows), panel - 2), panel))
      // for each panel of keys; several at a time where rows are few
      local.set(p, i32.const(0))
      whileBelow(p, lastPanel, () => {
        setTilePanels(panels, rows, p, lastPanel)
        call(anyTile, [rows, panels, q, stride, packed, panelBytes, i32.const(panel * 4), dHead, sums])
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
                store(i32.add(i32.add(out, i32.mul(r, outStride)), c), value, i * 16)
              }
            },
            panel / 4,
          )
          increment(from, width)
        })
        increment(out, width)
        increment(packed, i32.mul(panelBytes, panels))
        increment(p, panels)
      })
    },
  )
}

/**
 * out[r][c] = sum over the keys j that row r may look at of weights[r][j] * v[j][c]: the sum over the first `before`
 * keys, which all rows may look at, in the order of linear, plus the sum over the others, from zero.
 */
export function mixture(emitter: Emitter, anyTile: AnyTile) {
  const { panel } = emitter
  const addLast = addLastKeys(emitter)
  return func(
    {
      // weights, bytes from row to row, rows, keys that the first row may look at, keys before, values, bytes from panel
      // to panel of values, bytes from key to key, numbers a head, out, bytes from row to row of out, sums (scratch)
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      out: [],
    },
    (
      [weights, stride, rows, visible, before, values, panelBytes, step, dHead, out, outStride, sums],
      [p, lastPanel, panels, sum, sumStride, sumsEnd, lastWeights, lastCount, lastValues, left],
    ) => {
      local.set(lastPanel, i32.div_u(i32.add(dHead, panel - 1), panel))
      local.set(left, i32.mul(dHead, 4))
      local.set(lastWeights, i32.add(weights, i32.mul(before, 4)))
      local.set(lastCount, i32.sub(visible, before))
      // for each panel of columns; several at a time where rows are few
      local.set(p, i32.const(0))
      whileBelow(p, lastPanel, () => {
        setTilePanels(panels, rows, p, lastPanel)
        call(anyTile, [rows, panels, weights, stride, values, panelBytes, step, before, sums])
        local.set(sumStride, i32.mul(panels, panel * 4))
        local.set(sum, sums)
        local.set(sumsEnd, i32.add(sums, sumStride))
        forUpTo(sum, sumsEnd, panel * 4, () => {
          local.set(lastValues, i32.add(values, i32.mul(before, step)))
          call(addLast, [
            sum,
            sumStride,
            rows,
            lastWeights,
            stride,
            lastCount,
            lastValues,
            step,
            left,
            out,
            outStride,
          ])
          increment(values, panelBytes)
          increment(out, panel * 4)
          increment(left, -panel * 4)
        })
        increment(p, panels)
      })
    },
  )
}

/** out[r] = sums[r] + the sum over row r's last keys of weights[r][j] * v[j], one panel of columns. */
function addLastKeys({ panel, madd }: Emitter) {
  const registers = Array.from({ length: panel / 4 }, () => v128)
  return func(
    {
      // sums, bytes from row to row, rows, weights, bytes from row to row, last keys of the first row (each next has one
      // more), the panel's values, bytes from key to key, bytes of a row that are not padding, out, bytes from row to row
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, v128, v128, ...registers],
      out: [],
    },
    (
      [sums, sumStride, rows, weights, stride, count, values, step, valid, out, outStride],
      [r, weightAt, end, valueAt, weight, value, ...totals],
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
        increment(weights, stride)
        increment(out, outStride)
        increment(count, 1)
      })
    },
  )
}
