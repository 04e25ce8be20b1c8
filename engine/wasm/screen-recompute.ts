import { call, f32, f32x4, func, i32, local, v128 } from 'wasmati'
import { doWhile, forUpTo, increment, limitTo, splat, when, whileBelow } from './emit.ts'
import type { Emitter } from './kernel.ts'
import { gatheredTile, groupRows } from './screen-digits.ts'
import { addBits, fillList, GROUP_BYTES, HALVES, setWeights } from './screen-group.ts'
import { SCRATCH } from './screen-plan.ts'

/** Leaves which of a group's possible columns are positive, or NaN; sums becomes sums + bias. */
function positives() {
  return func(
    { in: [i32, i32, i32], locals: [i32, v128], out: [i32] },
    ([sums, bias, possible], [bits, value]) => {
      local.set(bits, i32.const(0))
      for (const half of HALVES) {
        local.set(value, v128.load({ offset: half }, bias))
        local.set(value, f32x4.add(v128.load({ offset: half }, sums), value))
        v128.store({ offset: half }, sums, value)
        local.set(value, f32x4.le(value, splat(0)))
        addBits(bits, value, half)
      }
      i32.and(bits, possible)
    },
  )
}

/**
 * Computes what the screen left possible as the dense kernel does: masks[g][row] becomes which columns of group g are
 * positive for a row, as bits, and values gets their numbers, group by group, row by row, column by column;
 * active[row] += how many. A row whose address is 0 is left out.
 */
export function recompute(emitter: Emitter) {
  const tile = gatheredTile(emitter)
  const keep = positives()
  const rowsOfTile = groupRows(emitter)
  return func(
    {
      // first group, last (left out), rows, list of x's rows, K, weights, bias, masks, bytes of a group's masks,
      // the address where values go, at an address; active, scratch
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      out: [],
    },
    (
      [g, last, rows, xs, K, all, bias, masks, stride, values, active, scratch],
      [r, i, count, end, groupMasks, weights, biases, list, sums, at, maskAt, bits, x],
    ) => {
      local.set(values, i32.load({}, values))
      forUpTo(g, last, 1, () => {
        setWeights(emitter, weights, all, g, K)
        local.set(biases, i32.add(bias, i32.mul(g, GROUP_BYTES)))
        local.set(groupMasks, i32.add(masks, i32.mul(g, stride)))
        // the rows with a possible column
        local.set(count, i32.const(0))
        local.set(r, i32.const(0))
        whileBelow(r, rows, () => {
          local.set(maskAt, i32.add(groupMasks, r))
          local.set(end, i32.add(r, 16))
          limitTo(end, rows)
          v128.any_true(v128.load({}, maskAt))
          when(i32.eqz(), () => local.set(r, end))
          forUpTo(r, end, 1, () => {
            local.set(maskAt, i32.add(groupMasks, r))
            when(i32.load8_u({}, maskAt), () => {
              local.set(x, i32.load({}, i32.add(xs, i32.mul(r, 4))))
              when(
                x,
                () => {
                  local.set(at, i32.add(scratch, i32.mul(count, 4)))
                  i32.store({ offset: SCRATCH.pointers }, at, x)
                  i32.store({ offset: SCRATCH.rows }, at, r)
                  increment(count, 1)
                },
                () => i32.store8({}, maskAt, 0),
              )
            })
          })
        })
        when(count, () => {
          local.set(list, i32.add(scratch, SCRATCH.pointers))
          fillList(emitter, list, count, at)
          local.set(i, i32.const(0))
          whileBelow(i, count, () => {
            call(tile, [list, K, weights, emitter.panel * 4, scratch])
            increment(list, rowsOfTile * 4)
            local.set(sums, scratch)
            local.set(end, i32.add(i, rowsOfTile))
            limitTo(end, count)
            forUpTo(i, end, 1, () => {
              local.set(at, i32.add(scratch, i32.mul(i, 4)))
              local.set(r, i32.load({ offset: SCRATCH.rows }, at))
              local.set(maskAt, i32.add(groupMasks, r))
              local.set(bits, call(keep, [sums, biases, i32.load8_u({}, maskAt)]))
              i32.store8({}, maskAt, bits)
              local.set(at, i32.add(active, i32.mul(r, 4)))
              i32.store({}, at, i32.add(i32.load({}, at), i32.popcnt(bits)))
              // values <- the columns of the bits, lowest first
              when(bits, () =>
                doWhile(() => {
                  local.set(at, i32.add(sums, i32.mul(i32.ctz(bits), 4)))
                  f32.store({}, values, f32.load({}, at))
                  increment(values, 4)
                  local.set(bits, i32.and(i32.sub(bits, 1), bits))
                  return i32.ne(bits, 0)
                }),
              )
              increment(sums, GROUP_BYTES)
            })
          })
        })
      })
    },
  )
}
