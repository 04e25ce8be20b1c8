// Some rows of x on their way through the screen.
import { sparseRow, type SparseRows } from '../../sparse.ts'
import type { Engine } from '../engine.ts'
import type { PackedLinear } from '../panels.ts'
import { Block } from '../tensors.ts'
import { MAX_LARGE, normSlack, rowRounding } from './bound.ts'
import {
  INT8_ROWS,
  ENTRY_BYTES,
  GROUP,
  LARGE_BYTES,
  NOWHERE,
  ROW_BYTES,
  TALLY,
  TALLY_BYTES,
} from './layout.ts'
import type { QuantizedWeights } from './weights.ts'

/** Rows that a thread prepares at a time: whole tiles, some 10 microseconds. */
const ROWS_PER_CHUNK = 2 * INT8_ROWS
/** What the roundings of a bound's own few products may lack, as a factor. */
const ROUND_UP = 1 + 2 ** -19

interface Job {
  readonly engine: Engine
  readonly layer: PackedLinear
  readonly weights: QuantizedWeights
  readonly x: number // address
  readonly rows: number
  /** Groups of a chunk in which a row may have columns that could be positive; with more it is left out. */
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

  /** Finds the positive entries. -> the rows that were left out: without a bound, or with too many columns that could be positive */
  async screen(boundFactor: number): Promise<boolean[]> {
    const { at, job } = this
    const { engine, layer, weights, x, rows, most } = job
    const { arena } = engine
    const { groups, groupsPerChunk, chunks } = weights
    const shared = { ...at, x, rows, inputs: layer.in, padded: weights.padded }
    const bound = {
      rounding: rowRounding(layer.in),
      slack: normSlack(layer.in),
      factor: boundFactor * ROUND_UP,
    }
    await engine.run('quantizeRows', { ...shared, ...bound, perChunk: ROWS_PER_CHUNK }, rowChunks(rows))
    arena.bytes(at.tallies, chunks * rows * TALLY_BYTES).fill(0)
    for (const places of [at.starts, at.places])
      arena.words(places, chunks).forEach((_, chunk, words) => {
        words[chunk] = at.entries + chunk * chunkEntryBytes(job)
      })
    const quantized = { int8: weights.int8.address, columns: weights.columns.address }
    const exact = { weights: layer.weights.address, bias: layer.bias.address }
    await engine.run(
      'screen',
      { ...shared, ...quantized, ...exact, most, last: groups, perChunk: groupsPerChunk },
      chunks,
    )
    return Array.from(arena.bytes(at.leftOut, rows), (isLeftOut) => isLeftOut !== 0)
  }

  /** The sum of a tally over the rows that were not left out. */
  total(tally: keyof typeof TALLY, leftOut: readonly boolean[]): number {
    return this.perRow(tally).reduce((sum, count, r) => (leftOut[r] ? sum : sum + count), 0)
  }

  private perRow(tally: keyof typeof TALLY): Uint32Array {
    const { engine, rows, weights } = this.job
    const tallies = engine.arena.words(this.at.tallies, (weights.chunks * rows * TALLY_BYTES) / 4)
    const totals = new Uint32Array(rows)
    for (let chunk = 0; chunk < weights.chunks; chunk++)
      for (let r = 0; r < rows; r++)
        totals[r] += tallies[((chunk * rows + r) * TALLY_BYTES + TALLY[tally]) / 4]
    return totals
  }

  /** The positive entries of all rows; those of the rows that were left out come from `dense`, in order. */
  async collect(leftOut: readonly boolean[], dense: SparseRows): Promise<SparseRows> {
    const { at } = this
    const { engine, layer, weights, rows } = this.job
    const offsets = new Uint32Array(rows + 1)
    const active = this.perRow('active')
    for (let r = 0, d = 0; r < rows; r++)
      offsets[r + 1] = offsets[r] + (leftOut[r] ? sparseRow(dense, d++).values.length : active[r])
    engine.arena.words(at.next, rows).forEach((_, r, next) => {
      next[r] = leftOut[r] ? NOWHERE : offsets[r]
    })
    const count = offsets[rows]
    using out = new Block(engine.arena, count * 8, 'sparseEncode: entries')
    const places = { indices: out.address, values: out.address + count * 4 }
    await engine.run(
      'scatter',
      { chunks: weights.chunks, starts: at.starts, ends: at.places, next: at.next, ...places },
      1,
    )
    const indices = engine.arena.words(places.indices, count).slice()
    const values = engine.arena.floats(places.values, count).slice()
    for (let r = 0, d = 0; r < rows; r++)
      if (leftOut[r]) {
        const row = sparseRow(dense, d++)
        indices.set(row.indices, offsets[r])
        values.set(row.values, offsets[r])
      }
    return { shape: [rows, layer.out], offsets, indices, values }
  }

  /** `using` frees the memory at the end of a block. */
  [Symbol.dispose](): void {
    this.memory.free()
  }
}

/** Bytes of all that a block keeps. Of `entries`, room for the worst case, memory is touched only as far as there are some. */
function sizesOf(job: Job) {
  const { rows, weights } = job
  const { padded, chunks } = weights
  return {
    values: Math.ceil(rows / INT8_ROWS) * INT8_ROWS * padded,
    residuals: rows * padded,
    constants: rows * ROW_BYTES,
    large: rows * MAX_LARGE * LARGE_BYTES,
    leftOut: rows,
    copies: rowChunks(rows) * padded * 4,
    tallies: chunks * rows * TALLY_BYTES,
    starts: chunks * 4,
    places: chunks * 4,
    next: rows * 4,
    entries: chunks * chunkEntryBytes(job),
  }
}

function rowChunks(rows: number): number {
  return Math.ceil(rows / ROWS_PER_CHUNK)
}

function chunkEntryBytes({ rows, most, weights }: Job): number {
  return rows * Math.min(most + 1, weights.groupsPerChunk) * GROUP * ENTRY_BYTES
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 64) * 64
}
