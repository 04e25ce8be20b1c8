// The fixed bins of activations, two per octave: every shard and every corpus has the same.

/** Bin 0 begins at 2^-8 and also holds anything less; the last one ends at 2^12 and also holds anything more. */
export const BINS = 40
const FIRST_EXPONENT = -8

/** What `bits >>> 22` of bin 0's numbers is: a float32's exponent and first binary place. */
export const FIRST_BIN = 2 * (127 + FIRST_EXPONENT)

const bits = new DataView(new ArrayBuffer(4))

/** The bin of a positive number: its exponent, and whether it is in the upper half of its octave (1.5 times its power of 2 or more). */
export function binOf(value: number): number {
  bits.setFloat32(0, value)
  const bin = (bits.getUint32(0) >>> 22) - FIRST_BIN
  return bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin
}

/** Where a bin begins; for `BINS`, where the last one ends. */
export function binEdge(bin: number): number {
  return 2 ** (FIRST_EXPONENT + Math.floor(bin / 2)) * (bin % 2 === 0 ? 1 : 1.5)
}
