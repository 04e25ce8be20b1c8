import { i32, local } from 'wasmati'
import type { TextSpan } from '../backend.ts'
import type { AttentionSize } from '../checks.ts'
import { packKeys, packValues } from './attention-panels.ts'
import { isForOne, runAttentionOfOne } from './attention-one.ts'
import { PLAN_WORDS, planOf, QUERIES, workspace } from './attention-plan.ts'
import { mixture, scores } from './attention-tiles.ts'
import { copyBytes, forUpTo, increment, when, zeroBytes } from './emit.ts'
import type { Engine } from './engine.ts'
import { call, func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { i32s, KERNELS, type Numbers } from './kernels.ts'
import { softmaxOfRow } from './softmax.ts'
import { Block } from './tensors.ts'
import type { AnyTile } from './tile.ts'

/** Numbers of a chunk's scores that are worth waking another thread. */
const LEAST_SCORES = 4096

/**
 * Attention over texts laid end to end, by addresses: scores of q and k, or a pattern given (q 0), mixed with v into
 * out (0: not wanted). pattern [heads, queries, longest] is written if it has an address and q has one.
 */
export async function runAttention(
  engine: Engine,
  size: AttentionSize,
  texts: readonly TextSpan[],
  addresses: Numbers<'q' | 'k' | 'v' | 'pattern' | 'out'>,
  scale = 1 / Math.sqrt(size.dHead),
): Promise<void> {
  const { heads, dHead, queries, longest } = size
  const { arena, panel, threads } = engine
  if (queries === 0) return
  if (isForOne(size, texts.length, panel)) return runAttentionOfOne(engine, size, addresses, scale)
  const words = planOf(texts, dHead % panel === 0)
  const tiles = words.length / PLAN_WORDS
  const partsOfHead = Math.ceil((4 * threads) / heads)
  const leastTiles = Math.ceil(LEAST_SCORES / (QUERIES * longest))
  const tilesPerChunk = Math.max(Math.ceil(tiles / partsOfHead), leastTiles)
  const chunks = heads * Math.ceil(tiles / tilesPerChunk)
  const { bytes } = workspace(longest, dHead, panel)
  using plan = new Block(arena, words.length * 4, 'attention: tiles of queries')
  using work = new Block(arena, chunks * bytes, 'attention: packed keys and values')
  arena.words(plan.address, words.length).set(words)
  const memory = { ...addresses, plan: plan.address, work: work.address }
  await engine.run(
    'attention',
    { ...memory, scale, heads, dHead, queries, longest, panel, tiles, tilesPerChunk },
    chunks,
  )
}

/**
 * One head of causal attention for a range of tiles of queries (attention-plan.ts): a row of scores for each query,
 * softmax over it, then the row's mixture of values. A row is always made in `scores` and copied to `pattern` where
 * that is wanted, so that no bit depends on whether it is. Addresses that are 0 are left out: pattern, the mixture
 * (out), or the scores (q): then the rows of the given pattern are mixed.
 * q, k, v, pattern and out stand at the head's first number, `stride` is all but the pattern's, whose rows have `longest`
 * numbers; packedKeys, packedValues, scores and sums are scratch.
 */
export function attention(emitter: Emitter, anyTile: AnyTile) {
  const [copyKeys, copyValues] = [packKeys(emitter), packValues(emitter)]
  const [score, normalise, mix] = [scores(emitter, anyTile), softmaxRows(emitter), mixture(emitter, anyTile)]
  return func({ in: KERNELS.attention, locals: { i32: 14 } }, (parameters, { i32: locals }) => {
    const { q, k, v, pattern, out, plan, firstTile, lastTile, stride, dHead, scale, longest } = parameters
    const { packedKeys, packedValues, scores, scoreStride, sums } = parameters
    const [packed, at, query, rows, firstKey, keys, visible, before, packing, ...others] = locals
    const [values, panelStride, step, row, rowStride] = others
    local.set(packed, i32.const(-1))
    // for each tile
    forUpTo(firstTile, lastTile, 1, () => {
      local.set(at, i32.add(plan, i32.mul(firstTile, PLAN_WORDS * 4)))
      for (const [i, word] of [query, rows, firstKey, keys, visible, before, packing].entries())
        local.set(word, i32.load({ offset: i * 4 }, at))
      // once for each text: its keys packed, its values too or read as they lie
      when(i32.ne(firstKey, packed), () => {
        local.set(packed, firstKey)
        local.set(at, i32.mul(firstKey, stride))
        when(q, () => call(copyKeys, { k: i32.add(k, at), stride, keys, dHead, out: packedKeys }))
        local.set(values, i32.add(v, at))
        local.set(panelStride, i32.const(emitter.panel * 4))
        local.set(step, stride)
        when(i32.and(i32.ne(out, 0), packing), () => {
          call(copyValues, { v: values, stride, keys, dHead, out: packedValues })
          local.set(values, packedValues)
          local.set(step, panelStride)
          local.set(panelStride, i32.mul(keys, panelStride))
        })
      })
      local.set(at, i32.mul(query, stride))
      local.set(row, i32.add(pattern, i32.mul(i32.mul(query, longest), 4)))
      local.set(rowStride, i32.mul(longest, 4))
      // row = softmax(q k^T * scale), unless given
      when(q, () => {
        const queries = { q: i32.add(q, at), stride, rows, dHead, visible }
        call(score, { ...queries, packedKeys, scale, scores, scoreStride, sums })
        const target = { pattern, target: row, targetStride: rowStride }
        call(normalise, { row: scores, stride: scoreStride, rows, visible, ...target })
        local.set(row, scores)
        local.set(rowStride, scoreStride)
      })
      // out = row V
      when(out, () => {
        local.set(at, i32.add(out, at))
        const weights = { weights: row, weightStride: rowStride, rows, visible, before }
        call(mix, { ...weights, values, panelStride, step, dHead, out: at, stride, sums })
      })
    })
  })
}

/**
 * Each row becomes its softmax: of the first `visible` numbers, and of one more in each next row. `target` becomes
 * the same followed by zeros, unless `pattern` is 0.
 */
function softmaxRows(emitter: Emitter) {
  const normalise = softmaxOfRow(emitter)
  return func(
    { in: i32s('row stride rows visible pattern target targetStride'), locals: { i32: 3 } },
    ({ row, stride, rows, visible, pattern, target, targetStride }, { i32: [r, bytes, rest] }) => {
      local.set(r, i32.const(0))
      forUpTo(r, rows, 1, () => {
        call(normalise, { x: row, out: row, width: visible })
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
