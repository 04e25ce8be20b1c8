// What exercises are tried on: small rows of numbers, as fast-check draws and shrinks them.
import * as fc from 'fast-check'

/** Numbers as activations have them; quarters, so that a failure shows short ones. */
const number = fc.integer({ min: -16, max: 16 }).map((quarters) => quarters / 4)
export const size = fc.integer({ min: 1, max: 5 })

export function row(width: number): fc.Arbitrary<number[]> {
  return fc.array(number, { minLength: width, maxLength: width })
}

/** [height][width] */
export function rows(height: number, width: number): fc.Arbitrary<number[][]> {
  return fc.array(row(width), { minLength: height, maxLength: height })
}
