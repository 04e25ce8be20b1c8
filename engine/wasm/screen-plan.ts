/*
 * How the screen's data lie in memory. Workers load this file with the tasks, so it emits no code.
 */

/** Columns of W that a tile of the screen spans: two vectors. */
export const GROUP = 8

/**
 * What the screen knows of a group of columns beside their 8-bit numbers: GROUP numbers each of scale, bias (with its
 * share of the bound), norm, norm of the residual, and DIGIT_OFFSET times the sum of the 8-bit numbers.
 */
export const COLUMN = { scale: 0, bias: 32, norm: 64, residual: 96, offset: 128 } as const
export const COLUMN_BYTES = 160

/** Rows of x that are screened at once: their digits and numbers stay in a core's second cache while groups pass. */
export const ROWS_AT_ONCE = 256
/** Room for lists of rows: all of them, filled up to whole tiles of at most 8. */
const LIST_ROWS = ROWS_AT_ONCE + 8

/** What the screen knows of a row (DigitBounds of screen-bound.ts, then its large numbers), in bytes from its start. */
export const ROW = { one: 0, two: 12, largeCount: 24, large: 28 } as const
export const BOUND = { step: 0, ofNorm: 4, ofResidual: 8 } as const
export const ROW_BYTES = 32
/** A large number of a row: the bytes to its weights in a panel, and itself. */
export const LARGE_BYTES = 8

/** A thread's scratch: a tile's sums, and a list of rows that one group's first digit could not decide. */
export const SCRATCH = {
  sums: 0, // [8][GROUP]
  pointers: 256, // [LIST_ROWS], addresses of digits or numbers
  rows: 256 + LIST_ROWS * 4, // [LIST_ROWS]
  values: 256 + LIST_ROWS * 8, // [LIST_ROWS][GROUP], what the first digit gave
} as const
export const SCREEN_SCRATCH_BYTES = 256 + LIST_ROWS * 8 + LIST_ROWS * 32
