// Attention of a single new token, as decoding has it: every key and every value is read once, from where it lies.
import { f32x4, i32, local, v128 } from 'wasmati'
import type { AttentionSize } from '../checks.ts'
import { turnFour } from './attention-panels.ts'
import { forUpTo, increment, limitTo, splat, when, whileBelow, type V128 } from './emit.ts'
import type { Engine } from './engine.ts'
import { call, func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { i32s, KERNELS, type Numbers } from './kernels.ts'
import { Block } from './tensors.ts'
import { setTilePanels, type AnyTile } from './tile.ts'
import { SUM_BLOCK, TILE_ROWS } from './tile-sizes.ts'

/** Keys that are multiplied at once. */
const KEYS = 16

/** Whether runAttentionOfOne can do it: enough keys, and heads that are whole panels. */
export function isForOne({ queries, longest, dHead }: AttentionSize, texts: number, panel: number): boolean {
  return texts === 1 && queries === 1 && longest >= KEYS && dHead % panel === 0
}

/**
 * What runAttention computes, to the bit, where isForOne says so. Threads take ranges of keys, each with all heads: a row of
 * k or v is read as a whole. Head by head, every row would be read in pieces, and most pieces lie on another page of memory.
 */
export async function runAttentionOfOne(
  engine: Engine,
  { heads, dHead, longest: keys }: AttentionSize,
  { q, k, v, pattern, out }: Numbers<'q' | 'k' | 'v' | 'pattern' | 'out'>,
  scale: number,
): Promise<void> {
  const { arena } = engine
  const width = heads * dHead
  using own = new Block(arena, heads * keys * 4, 'attention: scores')
  const scores = pattern === 0 ? own.address : pattern // [heads, keys]
  if (q !== 0) {
    const size = { width, dHead, keys }
    await engine.runRanged('scoresOfOne', { q, k, out: scores, ...size, scale }, Math.ceil(keys / KEYS), 4)
    await engine.run(
      'softmax',
      { x: scores, out: scores, width: keys, first: 0, last: heads, perChunk: heads },
      1,
    )
  }
  if (out === 0) return
  // as `mixture` has it: the sum over the keys before the tile's place, block by block, plus the sum over the last ones
  const before = keys - 1 - ((keys - 1) % TILE_ROWS)
  const blocks = Math.ceil(before / SUM_BLOCK) + 1
  using sums = new Block(arena, blocks * width * 4, 'attention: sums over values')
  const mixed = { weights: scores, v, sums: sums.address, width, dHead, keys, before }
  await engine.runRanged('mixOfOne', mixed, blocks, 1)
  for (let i = 1; i < blocks; i++) {
    const b = sums.address + i * width * 4
    const add = { a: i === 1 ? sums.address : out, b, out, width, bStride: 0, first: 0, last: 1, perChunk: 1 }
    await engine.run('add', add, 1)
  }
}

/** out [heads, keys] = scale * (q . k), for a range of KEYS keys each; of the last ones where fewer are left. */
export function scoresOfOne(emitter: Emitter) {
  const score = scoresOfKeys(emitter)
  return func(
    { in: KERNELS.scoresOfOne, locals: { i32: 7 } },
    (
      { q, k, out, width, dHead, keys, scale, first, last },
      { i32: [stride, key, lastKey, c, at, row, rowStride] },
    ) => {
      local.set(stride, i32.mul(width, 4))
      local.set(rowStride, i32.mul(keys, 4))
      local.set(lastKey, i32.sub(keys, KEYS))
      forUpTo(first, last, 1, () => {
        local.set(key, i32.mul(first, KEYS))
        limitTo(key, lastKey)
        local.set(at, i32.add(k, i32.mul(key, stride)))
        local.set(row, i32.add(out, i32.mul(key, 4)))
        // for each head
        local.set(c, i32.const(0))
        whileBelow(c, stride, () => {
          call(score, { q: i32.add(q, c), k: i32.add(at, c), stride, dHead, scale, out: row })
          increment(c, i32.mul(dHead, 4))
          increment(row, rowStride)
        })
      })
    },
  )
}

/**
 * out[j] = scale * (q . k[j]) for KEYS keys, summed as the tiles do it (tile.ts). A vector's lane stands for a key: four
 * numbers of four keys are loaded as they lie, and turned in registers.
 */
function scoresOfKeys({ madd }: Emitter) {
  return func(
    {
      in: { ...i32s('q k stride dHead'), scale: 'f32', out: 'i32' },
      locals: { i32: 3, v128: 9 + 2 * (KEYS / 4) },
    },
    ({ q, k, stride, dHead, scale, out }, { i32: [at, end, blockEnd], v128: [spare, ...registers] }) => {
      const [rows, numbers] = [registers.slice(0, 4), registers.slice(4, 8)]
      const [sums, totals] = [registers.slice(8, 8 + KEYS / 4), registers.slice(8 + KEYS / 4)]
      /** Each sum gets what `add` makes of its four keys; `at` goes from key to key. */
      const addToSums = (add: (sum: V128) => void) => {
        local.set(at, k)
        for (const sum of sums) add(sum)
      }
      // totals = 0; for each block of at most SUM_BLOCK numbers of q
      for (const total of totals) local.set(total, splat(0))
      local.set(end, i32.add(q, i32.mul(dHead, 4)))
      whileBelow(q, end, () => {
        local.set(blockEnd, i32.add(q, SUM_BLOCK * 4))
        limitTo(blockEnd, end)
        for (const sum of sums) local.set(sum, splat(0))
        //   sums += q[c] * k[c], four numbers at a time; a head is a whole number of panels
        whileBelow(q, blockEnd, () => {
          numbers.forEach((number, i) => local.set(number, v128.load32_splat({ offset: i * 4 }, q)))
          addToSums((sum) => {
            for (const row of rows) {
              local.set(row, v128.load({}, at))
              increment(at, stride)
            }
            turnFour(rows, spare).forEach((column, i) => local.set(sum, madd(numbers[i], column, sum)))
          })
          increment(q, 16)
          increment(k, 16)
        })
        //   totals += sums
        totals.forEach((total, i) => local.set(total, f32x4.add(total, sums[i])))
      })
      // out = totals * scale: written once, because the last KEYS keys may be another thread's, too
      for (const total of totals) local.set(total, f32x4.mul(total, f32x4.splat(scale)))
      totals.forEach((total, i) => v128.store({ offset: i * 16 }, out, total))
    },
  )
}

/**
 * sums [blocks, width]: for each head, its weights [keys] of a block of keys times their values. A block has SUM_BLOCK keys of the
 * first `before`; the last one has the others.
 */
export function mixOfOne({ panel }: Emitter, anyTile: AnyTile) {
  return func(
    { in: KERNELS.mixOfOne, locals: { i32: 12 } },
    (
      { weights, v, sums, width, dHead, keys, before, first, last },
      { i32: [stride, key, end, count, row, values, to, toEnd, one, p, panels, lastPanel] },
    ) => {
      local.set(stride, i32.mul(width, 4))
      local.set(one, i32.const(1))
      local.set(lastPanel, i32.div_u(dHead, panel))
      forUpTo(first, last, 1, () => {
        local.set(key, i32.mul(first, SUM_BLOCK))
        limitTo(key, before)
        local.set(end, i32.add(key, SUM_BLOCK))
        limitTo(end, before)
        when(i32.eq(key, before), () => local.set(end, keys))
        local.set(count, i32.sub(end, key))
        local.set(row, i32.add(weights, i32.mul(key, 4)))
        local.set(values, i32.add(v, i32.mul(key, stride)))
        local.set(to, i32.add(sums, i32.mul(first, stride)))
        local.set(toEnd, i32.add(to, stride))
        // for each head, for each panel of its columns; several at a time
        whileBelow(to, toEnd, () => {
          local.set(p, i32.const(0))
          whileBelow(p, lastPanel, () => {
            setTilePanels(panels, one, p, lastPanel)
            const tile = {
              x: row,
              xStride: 0,
              weights: values,
              panelStride: panel * 4,
              step: stride,
              K: count,
              sums: to,
            }
            call(anyTile, { rows: one, panels, ...tile })
            for (const at of [values, to]) increment(at, i32.mul(panels, panel * 4))
            increment(p, panels)
          })
          increment(row, i32.mul(keys, 4))
        })
      })
    },
  )
}
