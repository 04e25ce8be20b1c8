// How the screen's data lie in memory. Workers load this file with the tasks, so it emits no code.

/** Columns of W that a tile of the screen spans: two vectors. */
export const GROUP = 8
export const GROUP_BYTES = GROUP * 4
/** Rows of x that such a tile spans at most. */
export const INT8_ROWS = 8
/** Numbers of a row that a step of such a tile takes: int8 rows are padded to whole steps. */
export const STEP = 16

/**
 * Rows of int8 tiles. The int8 values of rows are packed into tiles of INT8_ROWS, the last ones into the smallest that
 * holds them: [padded / STEP][rows of the tile][STEP]. Their residuals lie row by row.
 */
export const INT8_TILES = [1, INT8_ROWS / 2, INT8_ROWS] as const

/**
 * What the screen knows of a group of columns beside their int8 numbers: GROUP numbers each of scale, bias, norm, norm
 * of the error, and what sums of products start at: -INT8_OFFSET times the sum of the int8 numbers.
 */
export const COLUMN = { scale: 0, bias: 32, norm: 64, error: 96, start: 128 } as const
export const COLUMN_BYTES = 160

/** Rows of x that are screened at once: their int8 values and numbers stay in a core's second cache while groups pass. */
export const ROWS_AT_ONCE = 256
/** Room for lists of rows: all of them, filled up to a whole tile. */
const LIST_ROWS = ROWS_AT_ONCE + INT8_ROWS

/**
 * What the screen knows of a row, in bytes from its start: the bound by its int8 values alone, the bound by their
 * residuals too (bound.ts), then its large numbers.
 */
export const ROW = { byValues: 0, byResiduals: 12, largeCount: 24, large: 28 } as const
export const BOUND = { step: 0, ofNorm: 4, ofError: 8 } as const
export const ROW_BYTES = 32
/** A large number of a row: the bytes to its weights in a panel, and itself. */
export const LARGE_BYTES = 8

/**
 * What a chunk of groups counts of each row: columns that the int8 values left possible, and the residuals; groups with
 * such a column after both; positive outputs.
 */
export const TALLY = { afterInt8: 0, candidates: 4, groups: 8, active: 12 } as const
export const TALLY_BYTES = 16

/** An entry of a chunk's list of positive outputs: column and, in the lowest bits, row; value. */
export const ENTRY_BYTES = 8
export const ENTRY_ROW_BITS = 8
export const MAX_OUTPUTS = 2 ** (32 - ENTRY_ROW_BITS)

/** A thread's scratch: a tile's sums and estimates of each output, and a list of rows with a possible column in a group. */
export const SCRATCH = {
  sums: 0, // [INT8_ROWS][GROUP]
  estimates: 256, // [INT8_ROWS][GROUP], by the int8 values
  pointers: 512, // [LIST_ROWS], addresses of residuals or numbers
  rows: 512 + LIST_ROWS * 4, // [LIST_ROWS]
  possible: 512 + LIST_ROWS * 8, // [LIST_ROWS], columns as bits
  listed: 512 + LIST_ROWS * 12, // [LIST_ROWS][GROUP], the listed rows' estimates
} as const
export const SCREEN_SCRATCH_BYTES = SCRATCH.listed + LIST_ROWS * GROUP_BYTES
/** Stands for the place of a row whose entries are thrown away. */
export const NOWHERE = -1
