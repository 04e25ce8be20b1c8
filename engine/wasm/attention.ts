import { call, f32, f32x4, func, i32, i8x16, local, v128 } from 'wasmati'
import {
  copyBytes,
  zeroBytes,
  forLanes,
  forUpTo,
  increment,
  limitTo,
  splat,
  when,
  whileBelow,
  type Lanes,
} from './emit.ts'
import type { TextSpan } from '../backend.ts'
import type { AttentionSize } from '../checks.ts'
import type { Engine } from './engine.ts'
import type { Emitter } from './kernel.ts'
import { softmax } from './softmax.ts'
import { attentionRowBytes } from './tasks.ts'
import { Block } from './tensors.ts'
import { SUM_BLOCK } from './tile.ts'

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
  const { arena } = engine
  const partsOfHead = Math.ceil((4 * engine.threads) / heads)
  const queriesPerChunk = Math.max(Math.ceil(queries / partsOfHead), Math.ceil(LEAST_SCORES / longest))
  const chunks = heads * Math.ceil(queries / queriesPerChunk)
  const plan = new Block(arena, queries * 8, 'attention: where texts begin')
  const rows = new Block(arena, chunks * attentionRowBytes(longest), 'attention: rows of scores')
  arena.words(plan.address, queries * 2).set(planOf(texts))
  await engine.run(
    'attention',
    [q, k, v, pattern, out, plan.address, rows.address, heads, dHead, queries, longest, queriesPerChunk],
    chunks,
  )
  for (const block of [plan, rows]) block.free()
}

/** For each query the row of its text's first key, and how many keys it may look at. */
function planOf(texts: readonly TextSpan[]): number[] {
  let firstKey = 0
  return texts.flatMap(({ queries, keys }) => {
    const first = firstKey
    firstKey += keys
    return Array.from({ length: queries }, (_, i) => [first, keys - queries + i + 1]).flat()
  })
}

/**
 * One head of causal attention for a range of queries: a row of scores at a time, softmax over it, then the row's
 * mixture of values. `plan` [queries][2] says for each query its text's first key, and how many keys it may look at.
 * A row is always made in scratch memory (`row`, `longest` numbers and 3 more) and copied to `pattern` where that is
 * wanted, so that no bit depends on whether it is. Addresses that are 0 are left out: pattern, the mixture (out), or
 * the scores (q): then the rows of the given pattern are mixed.
 */
export function attention(emitter: Emitter) {
  const [score, normalise, mix] = [scores(emitter), softmax(emitter), mixture(emitter)]
  return func(
    {
      // q, k, v, pattern and out, all at the head's first number; plan; bytes from row to row of q, k, v and out;
      // numbers a head; 1 / sqrt of that; numbers a row of pattern; first query; last query (left out); row
      in: [i32, i32, i32, i32, i32, i32, i32, i32, f32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32],
      out: [],
    },
    (
      [q, k, v, pattern, out, plan, stride, dHead, scale, longest, query, lastQuery, row],
      [firstKey, visible, offset, target, bytes],
    ) => {
      // for each query
      forUpTo(query, lastQuery, 1, () => {
        local.set(target, i32.add(plan, i32.mul(query, 8)))
        local.set(firstKey, i32.mul(i32.load({}, target), stride))
        local.set(visible, i32.load({ offset: 4 }, target))
        local.set(offset, i32.mul(query, stride))
        local.set(target, i32.add(pattern, i32.mul(i32.mul(query, longest), 4)))
        when(
          q,
          () => {
            // row = softmax(q k^T * scale)
            call(score, [i32.add(q, offset), i32.add(k, firstKey), stride, dHead, scale, visible, row])
            call(normalise, [row, row, visible])
            // pattern[query] = row, then zeros
            when(pattern, () => {
              local.set(bytes, i32.mul(visible, 4))
              copyBytes(target, row, bytes)
              increment(target, bytes)
              local.set(bytes, i32.mul(i32.sub(longest, visible), 4))
              zeroBytes(target, bytes)
            })
          },
          () => local.set(row, target),
        )
        // out[query] = row V
        when(out, () => {
          call(mix, [row, visible, i32.add(v, firstKey), stride, dHead, i32.add(out, offset)])
        })
      })
    },
  )
}

/** row[j] = scale * (q . k[j]) for `visible` keys j, and up to 3 numbers without meaning behind them. */
function scores({ madd }: Emitter) {
  return func(
    {
      in: [i32, i32, i32, i32, f32, i32, i32], // q, k, bytes from key to key, numbers a head, scale, visible, row
      locals: [i32, i32, i32, i32, i32, i32, i32, v128, v128, v128, v128, v128, v128, v128, v128, v128, v128],
      out: [],
    },
    (
      [q, k, stride, dHead, scale, visible, row],
      [j, c, end, last, k1, k2, k3, part, other, a0, a1, a2, a3, b0, b1, b2, b3],
    ) => {
      const keys = [k, k1, k2, k3]
      // every other vector of a wide step adds to a second set of sums: eight in flight hide an addition's latency
      const [sums, seconds] = [
        [a0, a1, a2, a3],
        [b0, b1, b2, b3],
      ]
      local.set(end, i32.mul(dHead, 4))
      local.set(last, i32.add(k, i32.mul(i32.sub(visible, 1), stride)))
      // for each four keys (the last key again where there are fewer)
      local.set(j, i32.const(0))
      forUpTo(j, visible, 4, () => {
        for (let i = 1; i < 4; i++) {
          local.set(keys[i], i32.add(keys[i - 1], stride))
          limitTo(keys[i], last)
        }
        // sums[i] += q[c] * k[j + i][c]
        for (const sum of [...sums, ...seconds]) local.set(sum, splat(0))
        const multiplyColumns = ({ load, clear }: Lanes, vectors: number) => {
          for (let vector = 0; vector < vectors; vector++) {
            const into = vector % 2 === 0 ? sums : seconds
            local.set(part, load(i32.add(q, c), vector * 16))
            clear(part)
            keys.forEach((key, i) => {
              local.set(other, load(i32.add(key, c), vector * 16))
              clear(other)
              local.set(into[i], madd(part, other, into[i]))
            })
          }
        }
        forLanes(c, end, multiplyColumns, 4)
        sums.forEach((sum, i) => local.set(sum, f32x4.add(sum, seconds[i])))
        // part = the four sums over their own lanes
        const pairUp = (x: typeof a0, y: typeof a0) => {
          local.set(other, i8x16.shuffle([0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23], x, y))
          local.set(x, i8x16.shuffle([8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31], x, y))
          local.set(x, f32x4.add(x, other))
        }
        pairUp(a0, a1)
        pairUp(a2, a3)
        local.set(part, i8x16.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23], a0, a2))
        local.set(
          other,
          i8x16.shuffle([8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31], a0, a2),
        )
        local.set(part, f32x4.add(part, other))
        // row[j ... j + 3] = part * scale
        local.set(part, f32x4.mul(part, f32x4.splat(scale)))
        v128.store({}, i32.add(row, i32.mul(j, 4)), part)
        local.set(k, i32.add(k3, stride))
      })
    },
  )
}

/** Vectors of a head that are mixed at once. */
const WIDE = 8

/** out[c] = sum over `visible` keys j of row[j] * v[j][c], in the order of linear: blocks of SUM_BLOCK keys. */
function mixture({ madd }: Emitter) {
  const registers = Array.from({ length: 2 * WIDE }, () => v128)
  return func(
    {
      in: [i32, i32, i32, i32, i32, i32], // row, visible, v, bytes from key to key, numbers a head, out
      locals: [i32, i32, i32, i32, i32, i32, v128, v128, ...registers],
      out: [],
    },
    (
      [row, visible, v, stride, dHead, out],
      [c, bytes, end, at, from, blockEnd, weight, value, ...registers],
    ) => {
      /** `count` vectors from column c on. */
      const columns = (lanes: Lanes, count: number) => {
        const sums = registers.slice(0, count)
        const totals = registers.slice(WIDE, WIDE + count)
        for (const total of totals) local.set(total, splat(0))
        local.set(at, i32.add(v, c))
        local.set(from, row)
        local.set(end, i32.add(row, i32.mul(visible, 4)))
        // for each block of keys: total += (sum of row[j] * v[j][c] from zero)
        whileBelow(from, end, () => {
          local.set(blockEnd, i32.add(from, SUM_BLOCK * 4))
          limitTo(blockEnd, end)
          for (const sum of sums) local.set(sum, splat(0))
          forUpTo(from, blockEnd, 4, () => {
            local.set(weight, v128.load32_splat({}, from))
            sums.forEach((sum, i) => {
              local.set(value, lanes.load(at, i * 16))
              local.set(sum, madd(weight, value, sum))
            })
            increment(at, stride)
          })
          totals.forEach((total, i) => local.set(total, f32x4.add(total, sums[i])))
        })
        // out = total (one address, constant offsets: that is what V8 pairs)
        local.set(at, i32.add(out, c))
        totals.forEach((total, i) => lanes.store(at, total, i * 16))
      }
      local.set(bytes, i32.mul(dHead, 4))
      forLanes(c, bytes, columns, WIDE)
    },
  )
}
