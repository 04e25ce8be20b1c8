/*
 * Exact screening: sparseEncode computes only the outputs that could be positive, and gives the dense kernel's bits.
 *
 *     W, once a layer                          rows of x, 256 at a time
 *       | quantize-columns.ts                    | quantize-rows.ts
 *     int8 values v, scales, norms             large numbers, int8 values q1, residuals q2, norms
 *       |                                        |
 *       +------ for each group of 8 columns -----+      column-group.ts, shared out among threads
 *                          |
 *     estimate = large . w + scale step q1 . v + b      int8-tile.ts
 *     estimate + bound > 0 ?                            bound-test.ts; why it holds: bound.ts
 *                          | possible
 *     estimate += scale step2 q2 . v                    int8-tile.ts
 *     estimate + smaller bound > 0 ?                    bound-test.ts
 *                          | candidates
 *     x . w + b, in float32, > 0 ?                      recompute.ts
 *                          | entries: row, column, value
 *     the entries in order, row by row                  scatter.ts
 *
 * Rows for which no bound holds, and rows with candidates nearly everywhere, are left out and computed densely.
 */
import { noScreenCounts, type ScreenCounts } from '../../screen-counts.ts'
import { stackRows, type SparseRows } from '../../sparse.ts'
import type { Engine } from '../engine.ts'
import type { PackedLinear } from '../panels.ts'
import { encodeDensely } from '../sparse-encode.ts'
import { Block } from '../tensors.ts'
import { MAX_INPUTS } from './bound.ts'
import { ENTRY_BYTES, MAX_OUTPUTS, ROWS_AT_ONCE } from './layout.ts'
import { RowBlock } from './row-block.ts'
import { quantizeWeights, type QuantizedWeights } from './weights.ts'

/**
 * A row goes dense where it has candidates in more than this share of the groups of some chunk: recomputing a group for a
 * row takes longer than the dense kernel needs for it, and rows with so many in one chunk have many in the others.
 */
const DENSE_SHARE = 0.8

/** Multiply-adds of a call from which on screening is faster than the dense kernel, measured (bench/README.md, `sae`). */
const WORTH_SCREENING = 2 ** 21

/** Room for a block's entries in the worst case: memory that is asked for, and touched only as far as it is needed. */
const MOST_ENTRY_BYTES = 2 ** 26

type Seconds = 'secondsPreparing' | 'secondsScreening' | 'secondsCollecting' | 'secondsDense'

/** Tests choose otherwise: a bound that is too small; rows that never go dense, however many candidates. */
interface ScreenOptions {
  /** Calls that are too small for it are screened, too. */
  readonly always?: boolean
  readonly boundFactor?: number
  readonly denseShare?: number
}

/**
 * sparseEncode by exact screening (see bound.ts): bit for bit what the dense kernel's positive outputs are, most
 * of which it never computes.
 */
export class Screen {
  readonly counts: ScreenCounts = noScreenCounts()
  private readonly engine: Engine
  private readonly options: Required<ScreenOptions>
  private readonly prepared = new Map<PackedLinear, QuantizedWeights>()

  constructor(engine: Engine, options: ScreenOptions = {}) {
    this.engine = engine
    this.options = { always: false, boundFactor: 1, denseShare: DENSE_SHARE, ...options }
  }

  /** The positive entries of x W + b for rows of x, by address. */
  async encode(layer: PackedLinear, x: number, rows: number): Promise<SparseRows> {
    if (!this.options.always && rows * layer.in * layer.out < WORTH_SCREENING)
      return this.dense(layer, x, rows, 'smallRows')
    if (layer.in === 0 || layer.in > MAX_INPUTS || layer.out === 0 || layer.out > MAX_OUTPUTS)
      return this.dense(layer, x, rows, 'denseRows')
    const weights = await this.weights(layer)
    const parts: SparseRows[] = []
    const most = Math.ceil(MOST_ENTRY_BYTES / (layer.out * ENTRY_BYTES))
    for (let r = 0, count; r < rows; r += count) {
      count = Math.min(ROWS_AT_ONCE, most, rows - r)
      parts.push(await this.encodeBlock(layer, weights, x + r * layer.in * 4, count))
    }
    return stackRows(parts, layer.out)
  }

  /** Frees what was prepared for a layer. */
  release(layer: PackedLinear): void {
    const weights = this.prepared.get(layer)
    this.prepared.delete(layer)
    weights?.int8.free()
    weights?.columns.free()
  }

  private async weights(layer: PackedLinear): Promise<QuantizedWeights> {
    const weights = this.prepared.get(layer) ?? quantizeWeights(this.engine, layer)
    this.prepared.set(layer, weights)
    await this.timed('secondsPreparing', () => weights.ready)
    return weights
  }

  private async encodeBlock(
    layer: PackedLinear,
    weights: QuantizedWeights,
    x: number,
    rows: number,
  ): Promise<SparseRows> {
    const { engine, options, counts } = this
    const most = Math.floor(options.denseShare * weights.groupsPerChunk)
    using block = new RowBlock({ engine, layer, weights, x, rows, most })
    const leftOut = await this.timed('secondsScreening', () => block.screen(options.boundFactor))
    const dense = await this.denseRows(layer, x, leftOut)
    const result = await this.timed('secondsCollecting', () => block.collect(leftOut, dense))
    counts.rows += rows - dense.shape[0]
    counts.outputs += (rows - dense.shape[0]) * layer.out
    counts.afterInt8 += block.total('afterInt8', leftOut)
    counts.candidates += block.total('candidates', leftOut)
    counts.active += result.values.length
    return result
  }

  /** The rows that `chosen` says, computed densely. */
  private async denseRows(layer: PackedLinear, x: number, chosen: readonly boolean[]): Promise<SparseRows> {
    const places = chosen.flatMap((is, r) => (is ? [x + r * layer.in * 4] : []))
    const { arena } = this.engine
    using copy = new Block(arena, places.length * layer.in * 4, 'sparseEncode: rows that go dense')
    for (const [i, place] of places.entries())
      arena.bytes(copy.address + i * layer.in * 4, layer.in * 4).set(arena.bytes(place, layer.in * 4))
    return await this.dense(layer, copy.address, places.length, 'denseRows')
  }

  private async dense(
    layer: PackedLinear,
    x: number,
    rows: number,
    why: 'denseRows' | 'smallRows',
  ): Promise<SparseRows> {
    this.counts[why] += rows
    return this.timed('secondsDense', () => encodeDensely(this.engine, layer, x, rows))
  }

  private async timed<T>(what: Seconds, work: () => Promise<T>): Promise<T> {
    const start = performance.now()
    const result = await work()
    this.counts[what] += (performance.now() - start) / 1000
    return result
  }
}
