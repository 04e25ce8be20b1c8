// How the screen's data lie in memory. Workers load this file with the tasks, so it emits no code.
import { ENCODER_GROUP, ENCODER_STEP, LANES } from '../tile-sizes.ts'

/** Features that lie side by side in int8, four numbers of each in turn: [padded / 4][GROUP][4]. */
export const GROUP = ENCODER_GROUP
export const GROUP_BYTES = GROUP * 4
/** Numbers of a row that a step of an int8 tile takes. */
export const STEP = ENCODER_STEP

/**
 * Rows of int8 tiles. The int8 values of rows are packed into tiles of INT8_ROWS, the last ones into the smallest that
 * holds them: [padded / STEP][rows of the tile][STEP].
 */
export const INT8_TILES = [1, 3, 6] as const
export const INT8_ROWS = 6

/**
 * What the screen knows of a group of features beside their int8 numbers: GROUP numbers each of scale, bias with what
 * its roundings may add, norm, norm of the error, what sums of products start at: -INT8_OFFSET times the sum of the int8
 * numbers; and what an output is kept above.
 */
export const FEATURE = {
  scale: 0,
  bias: GROUP_BYTES,
  norm: 2 * GROUP_BYTES,
  error: 3 * GROUP_BYTES,
  start: 4 * GROUP_BYTES,
  floor: 5 * GROUP_BYTES,
} as const
export const FEATURE_BYTES = 6 * GROUP_BYTES

/** Rows of x that are screened at once: their numbers stay in a core's second cache while features pass. */
export const ROWS_AT_ONCE = 256

/** What the screen knows of a row, in bytes from its start: what its bound is made of (bound.ts), its large numbers, its floor. */
export const ROW = { step: 0, ofNorm: 4, ofError: 8, largeCount: 12, large: 16, floor: 20 } as const
export const ROW_BYTES = 32
/** A large number of a row: which one it is, and itself. */
export const LARGE_BYTES = 8
/** Different numbers that may be large in the rows that are screened at once; a row with others is left out. */
export const MAX_LARGE_DIMENSIONS = 512

/** An entry of a chunk's list of positive outputs: feature and, in the lowest bits, row; value. */
export const ENTRY_BYTES = 8
export const ENTRY_ROW_BITS = 8
export const MAX_OUTPUTS = 2 ** (32 - ENTRY_ROW_BITS)

/** Outputs whose products, and then candidates, stand in a thread's scratch: 64 KB of them in the first and second cache. */
const [OUTPUTS_AT_ONCE, MAX_FEATURES_AT_ONCE] = [2 ** 14, 1024]

/** How many features of so many rows pass through the screen at once, in whole groups. */
export function featuresAtOnce(rows: number): number {
  return Math.min(MAX_FEATURES_AT_ONCE, Math.floor(OUTPUTS_AT_ONCE / wholeTiles(rows) / GROUP) * GROUP)
}

/** So many rows in whole tiles. */
export function wholeTiles(rows: number): number {
  return Math.ceil(rows / INT8_ROWS) * INT8_ROWS
}

/** What a chunk's time is kept of: products, the bound test, candidates. */
export const TIMED_PARTS = 3

/** A thread's scratch: each part's place, behind the one before. */
export const SCRATCH = placesOf({
  limits: GROUP_BYTES, // [GROUP], of a row
  lanes: 4 * LANES * 4, // of a tile of candidates
  queue: 192, // 4 candidates (recompute.ts)
  bits: ROWS_AT_ONCE * 2, // the possible features of a group, for each row
  counts: MAX_FEATURES_AT_ONCE * 4, // of candidates, for each feature
  candidates: OUTPUTS_AT_ONCE, // [features][rows], the numbers of rows
  large: MAX_LARGE_DIMENSIONS * GROUP_BYTES, // [dimensions][GROUP], weights of numbers that are large in some row
  sums: OUTPUTS_AT_ONCE * 4, // [groups][rows in whole tiles][GROUP], products
  end: 0,
})
export const SCREEN_SCRATCH_BYTES = SCRATCH.end

function placesOf<Name extends string>(
  bytes: Readonly<Record<Name, number>>,
): Readonly<Record<Name, number>> {
  let place = 0
  const places = Object.entries<number>(bytes).map(([name, size]) => [name, (place += size) - size])
  return Object.fromEntries(places) as Record<Name, number>
}

/** Stands for the place of a row whose entries are thrown away. */
export const NOWHERE = -1
