// Some rows of x on their way through the screen.
import { sparseRow, type SparseRows } from '../../sparse.ts'
import type { EncoderWeights } from '../encoder-weights.ts'
import type { Engine } from '../engine.ts'
import { copyLists } from '../sparse-encode.ts'
import { Block } from '../tensors.ts'
import { MAX_LARGE, normSlack, rowRounding } from './bound.ts'
import {
  ENTRY_BYTES,
  GROUP,
  GROUP_BYTES,
  INT8_ROWS,
  LARGE_BYTES,
  MAX_LARGE_DIMENSIONS,
  NOWHERE,
  ROW,
  ROW_BYTES,
  TIMED_PARTS,
  wholeTiles,
} from './layout.ts'
import type { QuantizedWeights } from './weights.ts'

/** Rows that a thread prepares at a time: whole tiles, some 10 microseconds. */
const ROWS_PER_CHUNK = 2 * INT8_ROWS
/** What the roundings of a bound's own few products may lack, as a factor. */
const ROUND_UP = 1 + 2 ** -19

interface Job {
  readonly engine: Engine
  readonly layer: EncoderWeights
  readonly weights: QuantizedWeights
  readonly x: number // address of rows in whole steps
  readonly rows: number
  /** Features of a chunk of which a row may have so many that could be positive; with more it is left out. */
  readonly most: number
}

/** Rows on their way through the screen, and all memory that it needs for them. */
export class RowBlock {
  private readonly job: Job
  private readonly memory: Block
  private readonly at: Record<keyof ReturnType<typeof sizesOf>, number>

  constructor(job: Job) {
    this.job = job
    const sizes = Object.entries(sizesOf(job))
    const total = sizes.reduce((sum, [, bytes]) => sum + aligned(bytes), 0)
    this.memory = new Block(job.engine.arena, total, 'sparseEncode: screened rows')
    let address = this.memory.address
    this.at = Object.fromEntries(
      sizes.map(([name, bytes]) => [name, (address += aligned(bytes)) - aligned(bytes)]),
    ) as typeof this.at
  }

  /** Makes the rows int8 numbers and what bounds their error. */
  async quantize(boundFactor: number): Promise<void> {
    const { engine, layer, x, rows } = this.job
    const bound = {
      rounding: rowRounding(layer.in),
      slack: normSlack(layer.in),
      factor: boundFactor * ROUND_UP,
    }
    const shared = { ...this.at, x, rows, inputs: layer.in, padded: layer.padded }
    const range = { first: 0, last: rows, perChunk: ROWS_PER_CHUNK }
    await engine.run('quantizeRows', { ...shared, ...bound, ...range }, Math.ceil(rows / ROWS_PER_CHUNK))
  }

  /** What rows' outputs are to be above, beside their features' floors. floors [rows], finite, none below 0 */
  setFloors(floors: Float32Array): void {
    const constants = this.job.engine.arena.floats(this.at.constants, (floors.length * ROW_BYTES) / 4)
    floors.forEach((floor, r) => (constants[(r * ROW_BYTES + ROW.floor) / 4] = floor))
  }

  /**
   * Finds the entries above all floors. -> the rows that were left out: without a bound, with too many candidates, or with
   * a floor of their own that fewer than k exceed
   */
  async screen(): Promise<boolean[]> {
    const { at, job } = this
    const { engine, layer, weights, x, rows, most } = job
    const { arena } = engine
    const { groups, groupsPerChunk, chunks } = weights
    arena.bytes(at.tallies, chunks * rows * 4).fill(0)
    arena.bytes(at.milliseconds, chunks * TIMED_PARTS * 8).fill(0)
    for (const places of [at.starts, at.places])
      arena.words(places, chunks).forEach((_, chunk, words) => {
        words[chunk] = at.entries + chunk * chunkEntryBytes(job)
      })
    const dimensionCount = this.shareDimensions()
    const quantized = { int8: weights.int8.address, features: weights.features.address }
    const vectors = { bias: layer.bias.address, floors: layer.floors.address }
    const exact = { x, padded: layer.padded, weights: layer.weights.address, ...vectors }
    const chosen = { rows, dimensionCount, most, last: groups, perChunk: groupsPerChunk }
    await engine.run('screen', { ...at, ...quantized, ...exact, ...chosen }, chunks)
    arena.words(at.next, rows).fill(0)
    await engine.run('countEntries', { ...this.lists(), counts: at.next }, 1)
    const [found, constants] = [
      arena.words(at.next, rows),
      arena.floats(at.constants, (rows * ROW_BYTES) / 4),
    ]
    return Array.from(
      arena.bytes(at.leftOut, rows),
      (isLeftOut, r) =>
        isLeftOut !== 0 || (found[r] < layer.k && constants[(r * ROW_BYTES + ROW.floor) / 4] > 0),
    )
  }

  /**
   * Lists the dimensions that are large in some row: their weights are gathered once for each group of features. A row's own
   * then say where among these. -> how many they are
   */
  private shareDimensions(): number {
    const { at, job } = this
    const { arena } = job.engine
    const [constants, large] = [
      arena.words(at.constants, (job.rows * ROW_BYTES) / 4),
      arena.words(at.large, job.rows * MAX_LARGE * 2),
    ]
    const dimensions = arena.words(at.dimensions, MAX_LARGE_DIMENSIONS)
    const leftOut = arena.bytes(at.leftOut, job.rows)
    const places = new Map<number, number>()
    for (let r = 0; r < job.rows; r++) {
      const count = constants[(r * ROW_BYTES + ROW.largeCount) / 4]
      for (let i = r * MAX_LARGE; i < r * MAX_LARGE + count; i++) {
        const dimension = large[2 * i]
        let place = places.get(dimension)
        if (place === undefined && places.size < MAX_LARGE_DIMENSIONS) {
          place = places.size
          places.set(dimension, place)
          dimensions[place] = dimension
        }
        if (place === undefined) leftOut[r] = 1
        large[2 * i] = (place ?? 0) * GROUP_BYTES
      }
    }
    return places.size
  }

  /** How many features of the rows that were not left out could be positive. */
  candidates(leftOut: readonly boolean[]): number {
    const { engine, rows, weights } = this.job
    const tallies = engine.arena.words(this.at.tallies, weights.chunks * rows)
    let total = 0
    for (let i = 0; i < tallies.length; i++) if (!leftOut[i % rows]) total += tallies[i]
    return total
  }

  /** Seconds that all threads together took for products, for the bound test and for candidates. */
  seconds(): number[] {
    const { engine, weights } = this.job
    const milliseconds = new Float64Array(
      engine.arena.memory.buffer,
      this.at.milliseconds,
      weights.chunks * TIMED_PARTS,
    )
    const totals = new Array<number>(TIMED_PARTS).fill(0)
    milliseconds.forEach((ms, i) => (totals[i % TIMED_PARTS] += ms / 1000))
    return totals
  }

  /** The entries that are kept of all rows; those of the rows that were left out come from `dense`, in order. */
  async collect(leftOut: readonly boolean[], dense: SparseRows): Promise<SparseRows> {
    const { at } = this
    const { engine, layer, rows } = this.job
    const { arena } = engine
    const next = arena.words(at.next, rows) // how many entries each row has
    const offsets = new Uint32Array(rows + 1)
    for (let r = 0, d = 0; r < rows; r++) {
      offsets[r + 1] = offsets[r] + (leftOut[r] ? sparseRow(dense, d++).values.length : next[r])
      next[r] = leftOut[r] ? NOWHERE : offsets[r]
    }
    arena.words(at.offsets, rows + 1).set(offsets)
    const count = offsets[rows]
    using out = new Block(arena, count * 8, 'sparseEncode: entries')
    const places = { indices: out.address, values: out.address + count * 4 }
    await engine.run('scatter', { ...this.lists(), next: at.next, ...places }, 1)
    for (let r = 0, d = 0; r < rows; r++)
      if (leftOut[r]) {
        const row = sparseRow(dense, d++)
        arena.words(places.indices + offsets[r] * 4, row.indices.length).set(row.indices)
        arena.floats(places.values + offsets[r] * 4, row.values.length).set(row.values)
      }
    const { k } = layer
    if (k > 0) await engine.runRanged('selectListed', { ...places, offsets: at.offsets, k }, rows, 1)
    const counts = offsets.slice(1).map((end, r) => Math.min(end - offsets[r], k || Infinity))
    return copyLists(engine, [rows, layer.out], { starts: offsets, counts, ...places })
  }

  /** Where all chunks' entries are. */
  private lists(): { chunks: number; starts: number; ends: number } {
    return { chunks: this.job.weights.chunks, starts: this.at.starts, ends: this.at.places }
  }

  /** `using` frees the memory at the end of a block. */
  [Symbol.dispose](): void {
    this.memory.free()
  }
}

/** Bytes of all that a block keeps. Of `entries`, room for the worst case, memory is touched only as far as there are some. */
function sizesOf(job: Job) {
  const { rows, layer, weights } = job
  const { chunks } = weights
  return {
    values: wholeTiles(rows) * layer.padded,
    constants: rows * ROW_BYTES,
    large: rows * MAX_LARGE * LARGE_BYTES,
    dimensions: MAX_LARGE_DIMENSIONS * 4,
    leftOut: rows,
    tallies: chunks * rows * 4,
    milliseconds: chunks * TIMED_PARTS * 8,
    starts: chunks * 4,
    places: chunks * 4,
    next: rows * 4,
    offsets: (rows + 1) * 4,
    entries: chunks * chunkEntryBytes(job),
  }
}

function chunkEntryBytes({ rows, most, weights }: Job): number {
  const features = weights.groupsPerChunk * GROUP
  return rows * Math.min(most + GROUP, features) * ENTRY_BYTES
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 64) * 64
}
