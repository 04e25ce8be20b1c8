import { call, f32, f32x4, func, i32, local, v128 } from 'wasmati'
import { doWhile, forUpTo, increment, limitTo, splat, when, whileBelow } from './emit.ts'
import type { Emitter } from './kernel.ts'
import { gatheredTile } from './screen-digits.ts'
import { fillList, forListed, setWeights } from './screen-group.ts'
import { addBits, GROUP_BYTES, HALVES } from './screen-look.ts'
import { SCRATCH } from './screen-plan.ts'

/** Masks are passed over so many at a time where none is set. */
const MASKS_AT_ONCE = 16

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

/** Lists in scratch the rows that have a mask and an address, with both; leaves how many. A row's address of 0 clears its mask. */
function listMasked() {
  return func(
    // rows, their addresses, masks, scratch
    { in: [i32, i32, i32, i32], locals: [i32, i32, i32, i32, i32, i32], out: [i32] },
    ([rows, xs, masks, scratch], [r, end, count, mask, x, at]) => {
      local.set(count, i32.const(0))
      local.set(r, i32.const(0))
      whileBelow(r, rows, () => {
        local.set(mask, i32.add(masks, r))
        local.set(end, i32.add(r, MASKS_AT_ONCE))
        limitTo(end, rows)
        v128.any_true(v128.load({}, mask))
        when(i32.eqz(), () => local.set(r, end))
        forUpTo(r, end, 1, () => {
          local.set(mask, i32.add(masks, r))
          when(i32.load8_u({}, mask), () => {
            local.set(x, i32.load({}, i32.add(xs, i32.mul(r, 4))))
            when(
              x,
              () => {
                local.set(at, i32.add(scratch, i32.mul(count, 4)))
                i32.store({ offset: SCRATCH.pointers }, at, x)
                i32.store({ offset: SCRATCH.rows }, at, r)
                increment(count, 1)
              },
              () => i32.store8({}, mask, 0),
            )
          })
        })
      })
      local.get(count)
    },
  )
}

/**
 * Computes what the screen left possible as the dense kernel does: masks[g][row] becomes which columns of group g are
 * positive for a row, as bits, and their numbers go where `place` says, group by group, row by row, column by column;
 * active[row] += how many. A row whose address is 0 is left out.
 */
export function recompute(emitter: Emitter) {
  const tile = gatheredTile(emitter)
  const [listRows, keep] = [listMasked(), positives()]
  return func(
    {
      // first group, last (left out), rows, their addresses, K, weights, bias, masks, bytes of a group's masks,
      // address of the place of values, active, scratch
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      out: [],
    },
    (
      [g, last, rows, xs, K, allWeights, allBiases, allMasks, stride, place, active, scratch],
      [i, count, end, masks, weights, bias, list, sums, at, mask, bits, values],
    ) => {
      local.set(values, i32.load({}, place))
      forUpTo(g, last, 1, () => {
        setWeights(emitter, weights, allWeights, g, K)
        local.set(bias, i32.add(allBiases, i32.mul(g, GROUP_BYTES)))
        local.set(masks, i32.add(allMasks, i32.mul(g, stride)))
        call(listRows, [rows, xs, masks, scratch])
        local.set(count)
        when(count, () => {
          local.set(list, i32.add(scratch, SCRATCH.pointers))
          fillList(emitter, list, count, at)
          const callTile = () => call(tile, [list, K, weights, emitter.panel * 4, scratch])
          forListed(emitter, { i, end, count, list, sums, scratch }, callTile, () => {
            local.set(at, i32.add(scratch, i32.mul(i, 4)))
            local.set(at, i32.load({ offset: SCRATCH.rows }, at))
            local.set(mask, i32.add(masks, at))
            call(keep, [sums, bias, i32.load8_u({}, mask)])
            local.set(bits)
            i32.store8({}, mask, bits)
            local.set(at, i32.add(active, i32.mul(at, 4)))
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
          })
        })
      })
    },
  )
}
