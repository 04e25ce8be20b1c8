// Rows of numbers as matrices, and rotations made of mirrors.
import type { Random } from '../../../engine/random.ts'

export type Matrix = number[][]
export type Rotated = (W_in: Matrix, W_out: Matrix, R: Matrix) => [Matrix, Matrix]

export function product(a: Matrix, b: Matrix): Matrix {
  return a.map((row) => {
    const sums = b[0].map(() => 0)
    for (const [i, value] of row.entries()) for (let j = 0; j < sums.length; j++) sums[j] += value * b[i][j]
    return sums
  })
}

export const transposed = (a: Matrix): Matrix => a[0].map((_, j) => a.map((row) => row[j]))

/** x mirrored along v, row by row: x - 2 (x . v / |v|^2) v. A zero v changes nothing. */
export function mirrored(x: Matrix, v: readonly number[]): Matrix {
  const square = v.reduce((sum, value) => sum + value * value, 0)
  if (square === 0) return x
  return x.map((row) => {
    const along = (2 * row.reduce((sum, value, i) => sum + value * v[i], 0)) / square
    return row.map((value, i) => value - along * v[i])
  })
}

export const identity = (width: number): Matrix =>
  Array.from({ length: width }, (_, i) => Array.from({ length: width }, (_, j) => Number(i === j)))

/** Two mirrors make a rotation; many of them at random a rotation that mixes everything. `keepsMean`: the mean of a row stays what it is. */
export function randomRotation(
  width: number,
  random: Random,
  { mirrors, keepsMean }: { mirrors: number; keepsMean: boolean },
): Matrix {
  let rotation = identity(width)
  for (let count = 0; count < mirrors; count++) {
    const v = Array.from({ length: width }, () => 2 * random.number() - 1)
    const mean = v.reduce((sum, value) => sum + value, 0) / width
    rotation = mirrored(
      rotation,
      v.map((value) => value - (keepsMean ? mean : 0)),
    )
  }
  return rotation
}
