import { sparseRow, type SparseRows } from '../sparse.ts'
import type { Engine } from './engine.ts'
import type { PackedLinear } from './panels.ts'
import { DIGIT_OFFSET, MAX_LARGE, screenRow, type ScreenedRow } from './screen-bound.ts'
import { BOUND, GROUP, LARGE_BYTES, ROW, ROW_BYTES } from './screen-plan.ts'
import type { ScreenedWeights } from './screen-weights.ts'
import { Block } from './tensors.ts'

/** Lists of rows are as long as whole tiles of at most so many. */
const TILE_ROWS = 8
/** Masks are looked through 16 bytes at a time. */
const MASKS_AT_ONCE = 16

/** How the columns were narrowed down for a block of rows. */
export interface Narrowed {
  readonly afterOneDigit: number
  readonly candidates: number
}

/** Some rows of x on their way through the screen, and their memory: digits, constants, masks, tallies. */
export class ScreenBlock {
  private readonly engine: Engine
  private readonly layer: PackedLinear
  private readonly weights: ScreenedWeights
  private readonly x: number // address
  private readonly rows: number
  private readonly groupsPerChunk: number
  private readonly chunks: number
  private readonly memory: Block
  private readonly at: Record<keyof ReturnType<ScreenBlock['sizes']>, number>
  private values: Block | undefined

  constructor(engine: Engine, layer: PackedLinear, weights: ScreenedWeights, x: number, rows: number) {
    this.engine = engine
    this.layer = layer
    this.weights = weights
    this.x = x
    this.rows = rows
    this.groupsPerChunk = engine.share(weights.groups, 8)
    this.chunks = Math.ceil(weights.groups / this.groupsPerChunk)
    const sizes = Object.entries(this.sizes())
    const total = sizes.reduce((sum, [, bytes]) => sum + aligned(bytes), 0)
    this.memory = new Block(engine.arena, total, 'sparseEncode: screened rows')
    let address = this.memory.address
    this.at = Object.fromEntries(
      sizes.map(([name, bytes]) => [name, (address += aligned(bytes)) - aligned(bytes)]),
    ) as typeof this.at
  }

  /** Bytes of a group's masks, one a row. */
  private get maskStride(): number {
    return Math.ceil(this.rows / MASKS_AT_ONCE) * MASKS_AT_ONCE
  }

  private sizes() {
    const { rows, weights, chunks } = this
    return {
      firsts: (rows + TILE_ROWS) * 4,
      firstDigits: rows * weights.inputs,
      secondDigits: rows * weights.inputs,
      constants: rows * ROW_BYTES,
      large: rows * MAX_LARGE * LARGE_BYTES,
      xs: rows * 4,
      masks: weights.groups * this.maskStride,
      tallies: chunks * (rows + 2) * 4,
      places: chunks * 4,
    }
  }

  /** Makes digits of every row; says for which rows that cannot be done. */
  prepare(boundFactor: number): boolean[] {
    const { arena } = this.engine
    const { rows, at } = this
    const { inputs } = this.weights
    arena.bytes(at.firstDigits, 2 * aligned(rows * inputs)).fill(DIGIT_OFFSET)
    arena.bytes(at.constants, rows * ROW_BYTES).fill(0)
    const firsts = arena.words(at.firsts, rows + TILE_ROWS)
    for (let r = 0; r < firsts.length; r++) firsts[r] = at.firstDigits + Math.min(r, rows - 1) * inputs
    return Array.from({ length: rows }, (_, r) => {
      const x = arena.floats(this.x + r * this.layer.in * 4, this.layer.in)
      const first = arena.bytes(at.firstDigits + r * inputs, inputs)
      const second = arena.bytes(at.secondDigits + r * inputs, inputs)
      const row = screenRow(x, first, second, boundFactor)
      if (row) this.writeConstants(r, x, row)
      return row === undefined
    })
  }

  private writeConstants(r: number, x: Float32Array, { largeIndices, one, two }: ScreenedRow): void {
    const { arena, panel } = this.engine
    const constants = this.at.constants + r * ROW_BYTES
    const large = this.at.large + r * MAX_LARGE * LARGE_BYTES
    const [numbers, words] = [arena.floats(constants, ROW_BYTES / 4), arena.words(constants, ROW_BYTES / 4)]
    for (const [start, bound] of [
      [ROW.one, one],
      [ROW.two, two],
    ] as const) {
      numbers[(start + BOUND.step) / 4] = bound.step
      numbers[(start + BOUND.ofNorm) / 4] = bound.ofNorm
      numbers[(start + BOUND.ofResidual) / 4] = bound.ofResidual
    }
    words[ROW.largeCount / 4] = largeIndices.length
    words[ROW.large / 4] = large
    const [largeNumbers, largePlaces] = [
      arena.floats(large, 2 * MAX_LARGE),
      arena.words(large, 2 * MAX_LARGE),
    ]
    for (const [i, k] of largeIndices.entries()) {
      largePlaces[2 * i] = k * panel * 4
      largeNumbers[2 * i + 1] = x[k]
    }
  }

  /** Finds the columns that may be positive: leaves their masks. */
  async screen(): Promise<Narrowed> {
    const { at, weights, layer, rows } = this
    this.engine.arena.bytes(at.tallies, this.sizes().tallies).fill(0)
    await this.engine.run(
      'screen',
      [
        ...([rows, weights.inputs, at.firsts, at.secondDigits, at.constants] as const),
        ...([weights.digits.address, weights.columns.address, layer.weights.address, layer.in] as const),
        ...([at.masks, this.maskStride, at.tallies, weights.groups, this.groupsPerChunk] as const),
      ],
      this.chunks,
    )
    const sum = (column: number): number => {
      let total = 0
      for (let chunk = 0; chunk < this.chunks; chunk++) total += this.tally(rows + 2, chunk)[rows + column]
      return total
    }
    return { afterOneDigit: sum(0), candidates: sum(1) }
  }

  /** In how many groups each row has a column that may be positive. */
  hits(): Uint32Array {
    return this.perRow(this.rows + 2)
  }

  private tally(length: number, chunk: number): Uint32Array {
    return this.engine.arena.words(this.at.tallies + chunk * length * 4, length)
  }

  private perRow(length: number): Uint32Array {
    const totals = new Uint32Array(this.rows)
    for (let chunk = 0; chunk < this.chunks; chunk++) {
      const tally = this.tally(length, chunk)
      for (let r = 0; r < this.rows; r++) totals[r] += tally[r]
    }
    return totals
  }

  /** Computes those columns as the dense kernel does, for all rows but those that `leftOut` says. */
  async recompute(leftOut: readonly boolean[]): Promise<void> {
    const { at, weights, layer, rows } = this
    const { arena } = this.engine
    // room for as many values as there are candidates, chunk after chunk
    const counts = Array.from({ length: this.chunks }, (_, chunk) => this.tally(rows + 2, chunk)[rows + 1])
    const total = counts.reduce((sum, count) => sum + count, 0)
    this.values = new Block(arena, total * 4, 'sparseEncode: values')
    const places = arena.words(at.places, this.chunks)
    let place = this.values.address
    for (const [chunk, count] of counts.entries()) {
      places[chunk] = place
      place += count * 4
    }
    const xs = arena.words(at.xs, rows)
    for (let r = 0; r < rows; r++) xs[r] = leftOut[r] ? 0 : this.x + r * layer.in * 4
    arena.bytes(at.tallies, this.sizes().tallies).fill(0)
    await this.engine.run(
      'recompute',
      [
        ...([rows, at.xs, layer.in, layer.weights.address, layer.bias.address] as const),
        ...([at.masks, this.maskStride, at.places, at.tallies] as const),
        ...([weights.groups, this.groupsPerChunk] as const),
      ],
      this.chunks,
    )
  }

  /** The positive entries of all rows; those of the rows that were left out come from `dense`, in order. */
  collect(leftOut: readonly boolean[], dense: SparseRows): SparseRows {
    const { rows } = this
    const offsets = new Uint32Array(rows + 1)
    const active = this.perRow(rows)
    for (let r = 0, d = 0; r < rows; r++)
      offsets[r + 1] = offsets[r] + (leftOut[r] ? sparseRow(dense, d++).values.length : active[r])
    const [indices, values] = [new Uint32Array(offsets[rows]), new Float32Array(offsets[rows])]
    for (let r = 0, d = 0; r < rows; r++)
      if (leftOut[r]) {
        const row = sparseRow(dense, d++)
        indices.set(row.indices, offsets[r])
        values.set(row.values, offsets[r])
      }
    this.spread(offsets.slice(), indices, values)
    return { shape: [rows, this.layer.out], offsets, indices, values }
  }

  /** Puts recomputed values behind each other row by row; `ends[r]` is where row r's next entry goes. */
  private spread(ends: Uint32Array, indices: Uint32Array, values: Float32Array): void {
    const { arena } = this.engine
    const words = this.maskStride / 4
    const masks = arena.words(this.at.masks, this.weights.groups * words)
    const places = arena.words(this.at.places, this.chunks)
    const numbers = arena.floats(0, arena.memory.buffer.byteLength / 4)
    let from = 0
    for (let group = 0; group < this.weights.groups; group++) {
      if (group % this.groupsPerChunk === 0) from = places[group / this.groupsPerChunk] / 4
      for (let word = 0; word < words; word++)
        for (let mask = masks[group * words + word]; mask !== 0; mask &= mask - 1) {
          const bit = 31 - Math.clz32(mask & -mask)
          const r = word * 4 + (bit >> 3)
          const to = ends[r]++
          indices[to] = group * GROUP + (bit & 7)
          values[to] = numbers[from++]
        }
    }
  }

  free(): void {
    this.memory.free()
    this.values?.free()
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 64) * 64
}
