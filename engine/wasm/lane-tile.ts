/*
 * An encoder's outputs are summed in LANES partial sums: lane l takes every LANES-th number, from k = l on, in order, in blocks of
 * LANE_BLOCK of them, each block from zero, block sums added in order. Lanes are added at the end in a fixed tree. Every tile
 * below does the same additions in the same order, so that one output computed alone has the bits of all computed together.
 * Both x and w are read along k: weights lie [out][padded], and what is not needed is not read.
 */
import { f32x4, i32, i8x16, local, v128, type StackVar } from 'wasmati'
import { increment, limitTo, LOWER_HALVES, splat, whileBelow, type I32, type V128 } from './emit.ts'
import type { Emitter } from './emitter.ts'
import { LANE_BLOCK, LANES } from './tile-sizes.ts'

/** Bytes of an output's lanes. */
const LANES_BYTES = LANES * 4
/** A lane's numbers that a step takes: rows are padded to whole steps. */
const UNROLL = 2

/** The two vectors of one number's lanes, low ones first. */
type Pair = readonly [V128, V128]

/** What a tile multiplies, and the registers to do it in. */
interface LaneProduct {
  readonly xs: readonly I32[] // one address per row
  readonly ws: readonly I32[] // one address per feature
  readonly padded: I32
  readonly sums: I32
  readonly ends: readonly I32[] // two
  readonly registers: readonly V128[] // as many as productRegisters or pairRegisters says
}

/** Vectors that a tile of all rows with all features needs: its sums, a pair for each row, and one that passes. */
export function productRegisters(rows: number, features: number): number {
  return 2 * (rows * features + rows + 1)
}

/** sums[rows][features][LANES] = the lanes of x[rows] . w[features]. Rows' numbers are kept in registers, features' pass. */
export function multiplyAll(emitter: Emitter, product: LaneProduct): void {
  const { xs, ws } = product
  sumLanes(emitter, product, xs.length * ws.length, ([passing, ...kept], load, add) => {
    xs.forEach((x, r) => load(kept[r], x))
    ws.forEach((w, f) => {
      load(passing, w)
      kept.forEach((numbers, r) => add(r * ws.length + f, passing, numbers))
    })
  })
}

/** Vectors that a tile of single outputs needs: their sums, and what is multiplied. */
export function pairRegisters(outputs: number): number {
  return 2 * (outputs + 2)
}

/** sums[i][LANES] = the lanes of x[i] . w[i]. */
export function multiplyPairs(emitter: Emitter, product: LaneProduct): void {
  const { xs, ws } = product
  sumLanes(emitter, product, xs.length, ([a, b], load, add) =>
    xs.forEach((x, i) => {
      load(a, x)
      load(b, ws[i])
      add(i, a, b)
    }),
  )
}

type Step = (
  spare: readonly Pair[],
  load: (into: Pair, at: I32) => void,
  add: (output: number, a: Pair, b: Pair) => void,
) => void

/** sums[outputs][LANES]: `step` loads and adds the products of one number of each lane. */
function sumLanes({ madd }: Emitter, product: LaneProduct, outputs: number, step: Step): void {
  const { xs, ws, padded, sums, registers } = product
  const [end, blockEnd] = product.ends
  const pairs = Array.from({ length: registers.length / 2 }, (_, i): Pair => [
    registers[2 * i],
    registers[2 * i + 1],
  ])
  const acc = pairs.splice(0, outputs)
  const all = acc.flat().map((sum, i) => ({ sum, offset: i * 16 }))
  const halves = [0, 1] as const
  const [x] = xs
  const multiplyBlock = () => {
    local.set(blockEnd, i32.add(x, LANE_BLOCK * LANES_BYTES))
    limitTo(blockEnd, end)
    for (const { sum } of all) local.set(sum, splat(0))
    whileBelow(x, blockEnd, () => {
      for (let offset = 0; offset < UNROLL * LANES_BYTES; offset += LANES_BYTES)
        step(
          pairs,
          (into, at) => {
            for (const half of halves) local.set(into[half], v128.load({ offset: offset + half * 16 }, at))
          },
          (output, a, b) => {
            for (const half of halves) local.set(acc[output][half], madd(a[half], b[half], acc[output][half]))
          },
        )
      for (const pointer of [...xs, ...ws]) increment(pointer, UNROLL * LANES_BYTES)
    })
  }
  // sums = the first block's; for each other block: sums += its own (all loads, then all stores: see tile.ts)
  local.set(end, i32.add(x, i32.mul(padded, 4)))
  multiplyBlock()
  for (const { sum, offset } of all) v128.store({ offset }, sums, sum)
  whileBelow(x, end, () => {
    multiplyBlock()
    for (const { sum, offset } of all) local.set(sum, f32x4.add(v128.load({ offset }, sums), sum))
    for (const { sum, offset } of all) v128.store({ offset }, sums, sum)
  })
}

const UPPER_HALVES = LOWER_HALVES.map((byte) => byte + 8)
const EVEN = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]
const ODD = EVEN.map((byte) => byte + 4)

/** Leaves the sums of four outputs' lanes, l0 to l7 each: ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7)). */
export function addLanes(sums: I32, first: number, [a, b, c, d, passing]: readonly V128[]): StackVar<'v128'> {
  const outputs = [a, b, c, d]
  outputs.forEach((output, i) => {
    const offset = (first + i) * LANES_BYTES
    local.set(output, v128.load({ offset }, sums))
    local.set(output, f32x4.add(v128.load({ offset: offset + 16 }, sums), output))
  })
  for (const [one, other] of [
    [a, b],
    [c, d],
  ]) {
    local.set(passing, i8x16.shuffle(LOWER_HALVES, one, other))
    local.set(one, i8x16.shuffle(UPPER_HALVES, one, other))
    local.set(one, f32x4.add(passing, one))
  }
  local.set(passing, i8x16.shuffle(EVEN, a, c))
  local.set(a, i8x16.shuffle(ODD, a, c))
  return f32x4.add(passing, a)
}
