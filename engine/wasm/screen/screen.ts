/*
 * Exact screening: sparseEncode computes only the outputs that could be kept, and returns the dense kernel's bits.
 *
 *     W, once an encoder                       rows of x, 256 at a time
 *       | quantize-features.ts                   | quantize-rows.ts
 *     int8 values v, scales, norms             large numbers, int8 values q, norms
 *       |                                        |
 *       +---- a few groups of 16 features -------+      shared out among threads
 *                          |
 *     q . v                                             int8-tile.ts
 *                          |
 *     large . w + scale step q . v + b + bound > floor? bound-test.ts; why it holds: bound.ts
 *                          | candidates
 *     x . w + b, in float32, > floor ?                  recompute.ts
 *                          | entries: feature, row, value
 *     the entries in order, row by row                  scatter.ts
 *
 * A floor is 0, or the feature's threshold. Where the k largest are kept, rows have floors too, which are guessed: sample.ts.
 * Rows for which no bound holds, and rows with candidates nearly everywhere, are left out and computed densely.
 */
import { noScreenCounts, type ScreenCounts } from '../../screen-counts.ts'
import { stackRows, type SparseRows } from '../../sparse.ts'
import { PaddedRows, type EncoderWeights } from '../encoder-weights.ts'
import type { Engine } from '../engine.ts'
import { encodeDensely } from '../sparse-encode.ts'
import { Block } from '../tensors.ts'
import { MAX_INPUTS } from './bound.ts'
import { ENTRY_BYTES, GROUP, MAX_OUTPUTS, ROWS_AT_ONCE } from './layout.ts'
import { RowBlock } from './row-block.ts'
import { guessFloors, paysFor } from './sample.ts'
import { quantizeWeights, type QuantizedWeights } from './weights.ts'

/**
 * A row goes dense where more than this share of the features of some chunk are candidates: one alone takes about three times
 * as long as in a tile of the dense kernel, and rows with so many in one chunk have many in the others.
 */
const DENSE_SHARE = 1 / 3

/** Multiply-adds of a call from which on screening is faster than the dense kernel, measured (bench/README.md, `sae`). */
const WORTH_SCREENING = 2 ** 22

/** Room for a block's entries in the worst case: memory that is asked for, and touched only as far as it is needed. */
const MOST_ENTRY_BYTES = 2 ** 26

type Seconds = keyof ScreenCounts & `seconds${string}`

/** Tests choose otherwise: a bound that is too small; rows that never go dense, however many candidates. */
interface ScreenOptions {
  /** Also screens calls that are too small for it to pay. */
  readonly always?: boolean
  readonly boundFactor?: number
  readonly denseShare?: number
}

/**
 * sparseEncode by exact screening (see bound.ts): bit for bit what the encoder keeps of the dense kernel's outputs,
 * most of which it never computes.
 */
export class Screen {
  readonly counts: ScreenCounts = noScreenCounts()
  private readonly engine: Engine
  private readonly options: Required<ScreenOptions>
  private readonly prepared = new Map<EncoderWeights, QuantizedWeights>()

  constructor(engine: Engine, options: ScreenOptions = {}) {
    this.engine = engine
    this.options = { always: false, boundFactor: 1, denseShare: DENSE_SHARE, ...options }
  }

  /** What is kept of x W + b for rows of x, by address. */
  async encode(layer: EncoderWeights, x: number, rows: number): Promise<SparseRows> {
    if (!this.options.always && (rows * layer.in * layer.out < WORTH_SCREENING || !paysFor(layer)))
      return this.dense(layer, x, rows, 'smallRows')
    if (layer.in === 0 || layer.in > MAX_INPUTS || layer.out === 0 || layer.out > MAX_OUTPUTS)
      return this.dense(layer, x, rows, 'denseRows')
    const weights = await this.weights(layer)
    using input = new PaddedRows(this.engine, layer, x, rows)
    const parts: SparseRows[] = []
    const most = Math.ceil(MOST_ENTRY_BYTES / (this.options.denseShare * layer.out * ENTRY_BYTES))
    for (let r = 0, count; r < rows; r += count) {
      count = Math.min(ROWS_AT_ONCE, most, rows - r)
      parts.push(await this.encodeBlock(layer, weights, input.address + r * layer.padded * 4, count))
    }
    return stackRows(parts, layer.out)
  }

  /** Frees what was prepared for a layer. */
  release(layer: EncoderWeights): void {
    const weights = this.prepared.get(layer)
    this.prepared.delete(layer)
    weights?.int8.free()
    weights?.features.free()
  }

  private async weights(layer: EncoderWeights): Promise<QuantizedWeights> {
    const weights = this.prepared.get(layer) ?? quantizeWeights(this.engine, layer)
    this.prepared.set(layer, weights)
    await this.timed('secondsPreparing', () => weights.ready)
    return weights
  }

  private async encodeBlock(
    layer: EncoderWeights,
    weights: QuantizedWeights,
    x: number,
    rows: number,
  ): Promise<SparseRows> {
    const { engine, options, counts } = this
    const most = Math.floor(options.denseShare * weights.groupsPerChunk * GROUP)
    using block = new RowBlock({ engine, layer, weights, x, rows, most })
    await this.timed('secondsRows', () => block.quantize(options.boundFactor))
    if (layer.k > 0)
      await this.timed('secondsGuessing', async () =>
        block.setFloors(await guessFloors(engine, layer, x, rows)),
      )
    const leftOut = await block.screen()
    const dense = await this.denseRows(layer, x, leftOut)
    const result = await this.timed('secondsCollecting', () => block.collect(leftOut, dense))
    const [products, test, candidates] = block.seconds()
    counts.secondsProducts += products / engine.threads
    counts.secondsTest += test / engine.threads
    counts.secondsCandidates += candidates / engine.threads
    counts.rows += rows - dense.shape[0]
    counts.outputs += (rows - dense.shape[0]) * layer.out
    counts.candidates += block.candidates(leftOut)
    counts.active += result.values.length
    return result
  }

  /** The rows that `chosen` says, of x in whole steps, computed densely. */
  private async denseRows(layer: EncoderWeights, x: number, chosen: readonly boolean[]): Promise<SparseRows> {
    const places = chosen.flatMap((is, r) => (is ? [x + r * layer.padded * 4] : []))
    const { arena } = this.engine
    using copy = new Block(arena, places.length * layer.in * 4, 'sparseEncode: rows that go dense')
    for (const [i, place] of places.entries())
      arena.bytes(copy.address + i * layer.in * 4, layer.in * 4).set(arena.bytes(place, layer.in * 4))
    return await this.dense(layer, copy.address, places.length, 'denseRows')
  }

  private async dense(
    layer: EncoderWeights,
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
