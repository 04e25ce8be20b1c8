/*
 * How the screen's data lie in memory. Workers load this file with the tasks, so it emits no code.
 */

/** Columns of W that a tile of the screen spans: two vectors. */
export const GROUP = 8
export const GROUP_BYTES = GROUP * 4
/** Rows of x that such a tile spans at most. */
export const DIGIT_ROWS = 8
/** Numbers of a row that a step of such a tile takes: rows of digits are padded to whole steps. */
export const STEP = 16

/** Sizes of tiles of digits. Rows are packed into tiles of DIGIT_ROWS, the last ones into the smallest that holds them. */
export const DIGIT_TILES = [1, DIGIT_ROWS / 2, DIGIT_ROWS] as const

/**
 * What the screen knows of a group of columns beside their 8-bit numbers: GROUP numbers each of scale, bias, norm, norm
 * of the residual, and what sums of digits start at: -DIGIT_OFFSET times the sum of the 8-bit numbers.
 */
export const COLUMN = { scale: 0, bias: 32, norm: 64, residual: 96, start: 128 } as const
export const COLUMN_BYTES = 160

/** Rows of x that are screened at once: their digits and numbers stay in a core's second cache while groups pass. */
export const ROWS_AT_ONCE = 256
/** Room for lists of rows: all of them, filled up to a whole tile. */
const LIST_ROWS = ROWS_AT_ONCE + DIGIT_ROWS

/** What the screen knows of a row (two bounds, see screen-bound.ts, then its large numbers), in bytes from its start. */
export const ROW = { one: 0, two: 12, largeCount: 24, large: 28 } as const
export const BOUND = { step: 0, ofNorm: 4, ofResidual: 8 } as const
export const ROW_BYTES = 32
/** A large number of a row: the bytes to its weights in a panel, and itself. */
export const LARGE_BYTES = 8

/**
 * What a chunk of groups counts of each row: columns that one digit left possible, and two; groups with such a column
 * after two; positive outputs.
 */
export const TALLY = { afterOneDigit: 0, candidates: 4, groups: 8, active: 12 } as const
export const TALLY_BYTES = 16

/** An entry of a chunk's list of positive outputs: column and, in the lowest bits, row; value. */
export const ENTRY_BYTES = 8
export const ENTRY_ROW_BITS = 8
export const MAX_OUTPUTS = 2 ** (32 - ENTRY_ROW_BITS)

/** A thread's scratch: a tile's sums and what they say of each column, and a list of rows with a possible column in a group. */
export const SCRATCH = {
  sums: 0, // [DIGIT_ROWS][GROUP]
  tile: 256, // [DIGIT_ROWS][GROUP]
  pointers: 512, // [LIST_ROWS], addresses of digits or numbers
  rows: 512 + LIST_ROWS * 4, // [LIST_ROWS]
  possible: 512 + LIST_ROWS * 8, // [LIST_ROWS], columns as bits
  values: 512 + LIST_ROWS * 12, // [LIST_ROWS][GROUP], what the first digit gave
} as const
export const SCREEN_SCRATCH_BYTES = SCRATCH.values + LIST_ROWS * GROUP_BYTES
/** Stands for the place of a row whose entries are thrown away. */
export const NOWHERE = -1

/** Where the first digits of row r of `rows` begin, and the bytes from a step of them to the next; K: digits of a row. */
export function packedDigits(r: number, rows: number, K: number): { start: number; step: number } {
  const inTile = r % DIGIT_ROWS
  const first = r - inTile
  const size = DIGIT_TILES.find((size) => size >= rows - first) ?? DIGIT_ROWS
  return { start: first * K + inTile * STEP, step: size * STEP }
}
