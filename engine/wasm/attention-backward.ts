import type { TextSpan } from '../backend.ts'
import type { AttentionSize } from '../checks.ts'
import type { Engine } from './engine.ts'
import type { Numbers } from './kernels.ts'
import { Block } from './tensors.ts'

/** A matrix of every head by address: bytes from row to row, column to column, and head to head. */
interface Heads {
  readonly at: number
  readonly row: number
  readonly column: number
  readonly head: number
}

const turned = ({ at, row, column, head }: Heads): Heads => ({ at, row: column, column: row, head })

/** C = A B for each head; A [m, k], B [k, n], C [m, n] with columns side by side. Each head is a chunk. */
async function multiplyHeads(
  engine: Engine,
  heads: number,
  { m, k, n }: Numbers<'m' | 'k' | 'n'>,
  [a, b, c]: readonly [Heads, Heads, Heads],
): Promise<void> {
  const { arena, panel } = engine
  const workBytes = Math.ceil((m * k + Math.ceil(n / panel) * panel * k + m * n) / 16) * 64
  using work = new Block(arena, heads * workBytes, 'attention on the way back: copies of a text’s heads')
  using zeros = new Block(arena, n * 4, 'attention on the way back: zeros')
  arena.floats(zeros.address, n).fill(0)
  await engine.run(
    'headProducts',
    {
      ...{ a: a.at, aRow: a.row, aColumn: a.column, aHead: a.head },
      ...{ b: b.at, bRow: b.row, bColumn: b.column, bHead: b.head },
      ...{ c: c.at, cRow: c.row, cHead: c.head },
      ...{ m, k, n, panel, zeros: zeros.address, work: work.address, workBytes },
    },
    heads,
  )
}

/** Where a text's rows lie in each tensor. */
interface TextRows {
  readonly queries: number
  readonly keys: number
  /** Of q, dY or dQ; of k, v, dK or dV; of the pattern or dP. */
  readonly ofQueries: (address: number) => Heads
  readonly ofKeys: (address: number) => Heads
  readonly ofPattern: (address: number) => Heads
}

function textRows(
  { width, dHead, queries: allQueries, longest }: AttentionSize,
  texts: readonly TextSpan[],
): TextRows[] {
  const [row, head] = [width * 4, dHead * 4]
  let [firstQuery, firstKey] = [0, 0]
  return texts.map(({ queries, keys }) => {
    const [query, key] = [firstQuery, firstKey]
    firstQuery += queries
    firstKey += keys
    return {
      queries,
      keys,
      ofQueries: (address) => ({ at: address + query * row, row, column: 4, head }),
      ofKeys: (address) => ({ at: address + key * row, row, column: 4, head }),
      ofPattern: (address) => ({
        at: address + query * longest * 4,
        row: longest * 4,
        column: 4,
        head: allQueries * longest * 4,
      }),
    }
  })
}

/** dP = dY V^T, 0 where a query may not look, and dV = P^T dY, a head and a text at a time; all by address. */
export async function runAttentionMixBackward(
  engine: Engine,
  size: AttentionSize,
  texts: readonly TextSpan[],
  { dY, pattern, v, dP, dV }: Numbers<'dY' | 'pattern' | 'v' | 'dP' | 'dV'>,
): Promise<void> {
  const { heads, dHead, queries, keys, longest, width } = size
  const { arena } = engine
  arena.floats(dV, keys * width).fill(0) // also what no query of its text looks at
  const numbers = heads * queries * longest
  arena.floats(dP, numbers).set(arena.floats(pattern, numbers)) // of which only what is visible counts
  hideAhead(arena.floats(dP, numbers), size, texts)
  for (const { queries: m, keys: n, ofQueries, ofKeys, ofPattern } of textRows(size, texts)) {
    const sizes = { m: n, k: m, n: dHead }
    await multiplyHeads(engine, heads, sizes, [turned(ofPattern(dP)), ofQueries(dY), ofKeys(dV)])
    await multiplyHeads(engine, heads, { m, k: dHead, n }, [ofQueries(dY), turned(ofKeys(v)), ofPattern(dP)])
  }
  hideAhead(arena.floats(dP, numbers), size, texts)
}

/** Zeros where a query may not look. pattern [heads, queries, longest] */
function hideAhead(
  pattern: Float32Array,
  { heads, longest }: AttentionSize,
  texts: readonly TextSpan[],
): void {
  let row = 0
  for (let head = 0; head < heads; head++)
    for (const { queries, keys } of texts)
      for (let query = 0; query < queries; query++, row++)
        pattern.fill(0, row * longest + keys - queries + query + 1, (row + 1) * longest)
}

/** dS by softmax's rule, dQ = dS K scale and dK = dS^T Q scale, a head and a text at a time; all by address. */
export async function runAttentionPatternBackward(
  engine: Engine,
  size: AttentionSize,
  texts: readonly TextSpan[],
  { dP, pattern, q, k, dQ, dK }: Numbers<'dP' | 'pattern' | 'q' | 'k' | 'dQ' | 'dK'>,
  scale = 1 / Math.sqrt(size.dHead),
): Promise<void> {
  const { heads, dHead, queries, keys, longest, width } = size
  using scores = new Block(engine.arena, heads * queries * longest * 4, 'attention: gradients of scores')
  const dS = scores.address
  const rows = { dY: dP, y: pattern, out: dS, width: longest, scale }
  await engine.runRanged('softmaxBackward', rows, heads * queries, 1)
  engine.arena.floats(dK, keys * width).fill(0)
  for (const { queries: m, keys: n, ofQueries, ofKeys, ofPattern } of textRows(size, texts)) {
    await multiplyHeads(engine, heads, { m, k: n, n: dHead }, [ofPattern(dS), ofKeys(k), ofQueries(dQ)])
    const sizes = { m: n, k: m, n: dHead }
    await multiplyHeads(engine, heads, sizes, [turned(ofPattern(dS)), ofQueries(q), ofKeys(dK)])
  }
}
