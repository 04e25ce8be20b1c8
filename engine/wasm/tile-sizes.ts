// Sizes of the tiles that products are computed in. No code is emitted here: workers load it.

/** How many products a float32 sum takes before it is added to the others and begins again from zero: see tile.ts. */
export const SUM_BLOCK = 128

/** How many exponentials of a row that is summed are held at once, in a thread's scratch memory. */
export const EXPONENTIALS = 512

/** Up to this many, a row's largest numbers are kept in order in a thread's scratch memory: see top-k.ts. */
export const MOST_KEPT = 64

/** Rows of the largest tile: its 6 x 2 accumulators, 2 vectors of weights and 1 of x fill 15 registers. */
export const TILE_ROWS = 6

/** How many panels a tile of so many rows spans: with few rows it takes several, to have enough sums in flight. */
export function tilePanels(rows: number): number {
  return rows === 1 ? 4 : rows === 2 ? 2 : 1
}

/** Partial sums of an encoder's output, and how many numbers each takes before it begins again from zero: see lane-tile.ts. */
export const LANES = 8
export const LANE_BLOCK = 128

/** An encoder's rows are padded to whole steps of this many numbers, its outputs to whole groups. */
export const ENCODER_STEP = 16
export const ENCODER_GROUP = 16

/** Rows and features of an encoder's tile: 8 sums, 2 of x and 1 of weights fill 11 registers of 256 bits. */
export const [ENCODER_ROWS, ENCODER_FEATURES] = [2, 4]

/** Numbers whose squares are summed by one thread at a time. */
export const SQUARES_PIECE = 1 << 14
