// Computing what the bound test leaves possible, with the dense kernel's own additions in its own order.
import { f32, i32, local, v128 } from 'wasmati'
import { forUpTo, increment, when, whileBelow } from '../emit.ts'
import { call, func } from '../function.ts'
import type { Emitter } from '../emitter.ts'
import { i32s, KERNELS } from '../kernels.ts'
import { addLanes, multiplyPairs, pairRegisters } from '../lane-tile.ts'
import { ENTRY_BYTES, ENTRY_ROW_BITS, ROW, ROW_BYTES, SCRATCH } from './layout.ts'

/** Candidates that are computed side by side: each sum waits for its last addition, and four hide that. */
const TILE = 4

/** Of some candidates: addresses of x and of w, entries' first words, biases, what they are kept above. Each has room for two tiles, which a part of one is filled up in. */
const QUEUE = { x: 0, w: 32, entry: 64, bias: 96, floor: 128 } as const

/** sums[TILE] = x . w of listed candidates: as pre-activations.ts sums it, so the same bits. */
function candidateTile(emitter: Emitter) {
  return func(
    { in: i32s('queue padded sums'), locals: { i32: 2 + 2 * TILE, v128: pairRegisters(TILE) } },
    ({ queue, padded, sums }, { i32: [end, blockEnd, ...pointers], v128: registers }) => {
      const [xs, ws] = [pointers.slice(0, TILE), pointers.slice(TILE)]
      xs.forEach((x, i) => local.set(x, i32.load({ offset: QUEUE.x + i * 4 }, queue)))
      ws.forEach((w, i) => local.set(w, i32.load({ offset: QUEUE.w + i * 4 }, queue)))
      multiplyPairs(emitter, { xs, ws, padded, sums, ends: [end, blockEnd], registers })
      const [total] = registers
      local.set(total, addLanes(sums, 0, registers))
      v128.store({}, sums, total)
    },
  )
}

/** Computes the first `count` listed candidates. Those that are above their floor, or NaN, become entries; leaves the place behind them. */
function computeListed(emitter: Emitter) {
  const tile = candidateTile(emitter)
  return func(
    { in: i32s('queue count padded sums entries'), locals: { i32: 1, f32: 1 }, out: 'i32' },
    ({ queue, count, padded, sums, entries }, { i32: [end], f32: [value] }) => {
      call(tile, { queue, padded, sums })
      local.set(end, i32.add(queue, i32.mul(count, 4)))
      forUpTo(queue, end, 4, () => {
        local.set(value, f32.add(f32.load({}, sums), f32.load({ offset: QUEUE.bias }, queue)))
        f32.le(value, f32.load({ offset: QUEUE.floor }, queue))
        when(i32.eqz(), () => {
          i32.store({}, entries, i32.load({ offset: QUEUE.entry }, queue))
          f32.store({ offset: 4 }, entries, value)
          increment(entries, ENTRY_BYTES)
        })
        increment(sums, 4)
      })
      local.get(entries)
    },
  )
}

/**
 * Computes the candidates of a range of features, which the bound test left in scratch. The positive ones become entries,
 * feature by feature; they go where `place` says, which is left behind the last one.
 */
export function computeCandidates(emitter: Emitter) {
  const compute = computeListed(emitter)
  return func(
    { in: KERNELS.computeCandidates, locals: { i32: 11 } },
    (
      { x, rows, padded, weights, bias, floors, constants, first: f, last, place, scratch },
      { i32: [counts, list, next, end, stride, sums, entries, w, queue, to, r] },
    ) => {
      local.set(entries, i32.load({}, place))
      local.set(counts, i32.add(scratch, SCRATCH.counts))
      local.set(next, i32.add(scratch, SCRATCH.candidates))
      local.set(queue, i32.add(scratch, SCRATCH.queue))
      local.set(sums, i32.add(scratch, SCRATCH.lanes))
      local.set(stride, i32.mul(padded, 4))
      local.set(w, i32.add(weights, i32.mul(f, stride)))
      for (const vector of [bias, floors]) increment(vector, i32.mul(f, 4))
      local.set(to, queue)
      // for each feature, for each of its candidates
      forUpTo(f, last, 1, () => {
        local.set(list, next)
        local.set(end, i32.add(list, i32.load({}, counts)))
        whileBelow(list, end, () => {
          local.set(r, i32.load8_u({}, list))
          i32.store({ offset: QUEUE.x }, to, i32.add(x, i32.mul(r, stride)))
          i32.store({ offset: QUEUE.w }, to, w)
          i32.store({ offset: QUEUE.entry }, to, i32.or(i32.shl(f, ENTRY_ROW_BITS), r))
          i32.store({ offset: QUEUE.bias }, to, i32.load({}, bias))
          local.set(r, i32.add(constants, i32.mul(r, ROW_BYTES)))
          f32.store(
            { offset: QUEUE.floor },
            to,
            f32.max(f32.load({}, floors), f32.load({ offset: ROW.floor }, r)),
          )
          increment(list, 1)
          increment(to, 4)
          when(i32.eq(i32.sub(to, queue), TILE * 4), () => {
            local.set(entries, call(compute, { queue, count: TILE, padded, sums, entries }))
            local.set(to, queue)
          })
        })
        increment(w, stride)
        for (const vector of [bias, floors, counts]) increment(vector, 4)
        increment(next, rows)
      })
      // those that are left, fewer than a tile: the others of it are computed and dropped
      local.set(end, i32.shr_u(i32.sub(to, queue), 2))
      when(end, () => {
        for (const place of [QUEUE.x, QUEUE.w])
          for (let i = 0; i < TILE - 1; i++)
            i32.store({ offset: place + i * 4 }, to, i32.load({ offset: place }, queue))
        local.set(entries, call(compute, { queue, count: end, padded, sums, entries }))
      })
      i32.store({}, place, entries)
    },
  )
}
