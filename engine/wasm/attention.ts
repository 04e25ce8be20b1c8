import { call, f32, func, i32, local } from 'wasmati'
import type { TextSpan } from '../backend.ts'
import type { AttentionSize } from '../checks.ts'
import { packKeys, packValues } from './attention-panels.ts'
import { PLAN_WORDS, planOf, QUERIES, workspace } from './attention-plan.ts'
import { mixture, scores } from './attention-tiles.ts'
import { copyBytes, forUpTo, increment, when, zeroBytes } from './emit.ts'
import type { Engine } from './engine.ts'
import type { Emitter } from './kernel.ts'
import { softmax } from './softmax.ts'
import { Block } from './tensors.ts'
import type { AnyTile } from './tile.ts'

/** Numbers of a chunk's scores that are worth another thread's waking up. */
const LEAST_SCORES = 4096

/**
 * Attention over texts laid end to end, by addresses: scores of q and k, or a pattern given (q 0), mixed with v into
 * out (0: not wanted). pattern [heads, queries, longest] is written if it has an address and q has one.
 */
export async function runAttention(
  engine: Engine,
  { heads, dHead, queries, longest }: AttentionSize,
  texts: readonly TextSpan[],
  { q, k, v, pattern, out }: { q: number; k: number; v: number; pattern: number; out: number },
): Promise<void> {
  if (queries === 0) return
  const { arena, panel, threads } = engine
  const words = planOf(texts, dHead % panel === 0)
  const tiles = words.length / PLAN_WORDS
  const partsOfHead = Math.ceil((4 * threads) / heads)
  const leastTiles = Math.ceil(LEAST_SCORES / (QUERIES * longest))
  const tilesPerChunk = Math.max(Math.ceil(tiles / partsOfHead), leastTiles)
  const chunks = heads * Math.ceil(tiles / tilesPerChunk)
  const plan = new Block(arena, words.length * 4, 'attention: tiles of queries')
  const { bytes } = workspace(longest, dHead, panel)
  const work = new Block(arena, chunks * bytes, 'attention: packed keys and values')
  arena.words(plan.address, words.length).set(words)
  await engine.run(
    'attention',
    [
      ...([q, k, v, pattern, out, plan.address, work.address] as const),
      ...([heads, dHead, queries, longest, panel, tiles, tilesPerChunk] as const),
    ],
    chunks,
  )
  for (const block of [plan, work]) block.free()
}

/**
 * One head of causal attention for a range of tiles of queries (attention-plan.ts): a row of scores for each query,
 * softmax over it, then the row's mixture of values. A row is always made in `scores` and copied to `pattern` where
 * that is wanted, so that no bit depends on whether it is. Addresses that are 0 are left out: pattern, the mixture
 * (out), or the scores (q): then the rows of the given pattern are mixed.
 */
export function attention(emitter: Emitter, anyTile: AnyTile) {
  const [copyKeys, copyValues] = [packKeys(emitter), packValues(emitter)]
  const [score, normalise, mix] = [scores(emitter, anyTile), softmaxRows(emitter), mixture(emitter, anyTile)]
  return func(
    {
      // q, k, v, pattern and out, all at the head's first number; plan; first tile; last tile (left out); bytes from
      // row to row of q, k, v and out; numbers a head; 1 / sqrt of that; numbers a row of pattern; packed keys; packed
      // values; scores; bytes from row to row of scores; sums (scratch)
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, f32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      out: [],
    },
    (
      [q, k, v, pattern, out, plan, t, lastTile, stride, dHead, scale, longest, ...memory],
      [
        packed,
        at,
        query,
        rows,
        firstKey,
        keys,
        visible,
        before,
        packing,
        values,
        panelBytes,
        step,
        row,
        rowStride,
      ],
    ) => {
      const [packedKeys, packedValues, scoreRows, scoreStride, sums] = memory
      local.set(packed, i32.const(-1))
      // for each tile
      forUpTo(t, lastTile, 1, () => {
        local.set(at, i32.add(plan, i32.mul(t, PLAN_WORDS * 4)))
        for (const [i, word] of [query, rows, firstKey, keys, visible, before, packing].entries())
          local.set(word, i32.load({ offset: i * 4 }, at))
        // once for each text: its keys packed, its values too or read as they lie
        when(i32.ne(firstKey, packed), () => {
          local.set(packed, firstKey)
          local.set(at, i32.mul(firstKey, stride))
          when(q, () => call(copyKeys, [i32.add(k, at), stride, keys, dHead, packedKeys]))
          local.set(values, i32.add(v, at))
          local.set(panelBytes, i32.const(emitter.panel * 4))
          local.set(step, stride)
          when(i32.and(i32.ne(out, 0), packing), () => {
            call(copyValues, [values, stride, keys, dHead, packedValues])
            local.set(values, packedValues)
            local.set(step, panelBytes)
            local.set(panelBytes, i32.mul(keys, panelBytes))
          })
        })
        local.set(at, i32.mul(query, stride))
        local.set(row, i32.add(pattern, i32.mul(i32.mul(query, longest), 4)))
        local.set(rowStride, i32.mul(longest, 4))
        // row = softmax(q k^T * scale), unless given
        when(q, () => {
          const from = i32.add(q, at)
          call(score, [from, stride, rows, dHead, packedKeys, visible, scale, scoreRows, scoreStride, sums])
          call(normalise, [scoreRows, scoreStride, rows, visible, pattern, row, rowStride])
          local.set(row, scoreRows)
          local.set(rowStride, scoreStride)
        })
        // out = row V
        when(out, () => {
          local.set(at, i32.add(out, at))
          call(mix, [
            row,
            rowStride,
            rows,
            visible,
            before,
            values,
            panelBytes,
            step,
            dHead,
            at,
            stride,
            sums,
          ])
        })
      })
    },
  )
}

/** rows = softmax(rows), the first of `visible` numbers, each next of one more; copied to pattern, with zeros behind. */
function softmaxRows(emitter: Emitter) {
  const normalise = softmax(emitter)
  return func(
    {
      in: [i32, i32, i32, i32, i32, i32, i32], // row, bytes to the next, rows, visible, pattern (0: none), its row, bytes to the next
      locals: [i32, i32, i32],
      out: [],
    },
    ([row, stride, rows, visible, pattern, target, targetStride], [r, bytes, rest]) => {
      local.set(r, i32.const(0))
      forUpTo(r, rows, 1, () => {
        call(normalise, [row, row, visible])
        when(pattern, () => {
          local.set(bytes, i32.mul(visible, 4))
          copyBytes(target, row, bytes)
          local.set(rest, i32.add(target, bytes))
          local.set(bytes, i32.sub(targetStride, bytes))
          zeroBytes(rest, bytes)
        })
        increment(row, stride)
        increment(target, targetStride)
        increment(visible, 1)
      })
    },
  )
}
