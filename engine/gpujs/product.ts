// The matrix product x W as kernels: how often a number is read from memory decides how fast they are.
import type { Matrix, Row, Thread } from './kernel.ts'

/** The most numbers that a thread returns: gpu.js takes no more than four. */
type Four = [number, number, number, number]

/**
 * Naive: one thread per output. It walks one row of x and one column of W: two reads per product. Neighbouring threads
 * read neighbouring columns, so the reads of W at least come side by side.
 */
export function productNaive(this: Thread<'first' | 'rows'>, x: Matrix, weight: Matrix, bias: Row): number {
  let sum = 0
  for (let block = 0; block < this.constants.rows; block += 256) {
    const end = Math.min(block + 256, this.constants.rows)
    let part = 0
    for (let k = block; k < end; k += 1)
      part += x[this.thread.y][this.constants.first + k] * weight[k][this.thread.x]
    sum += part
  }
  return sum + bias[this.thread.x]
}

/**
 * Better: one thread for two outputs of two rows. Each number that it reads serves two products: one read per product, the fewest
 * that four outputs allow. It takes four steps of k at once, because going round the loop costs as much as a product. Its
 * four numbers lie side by side, until `finishTiles` puts them in their rows. Past the last row or column it repeats that one.
 */
export function productTile(
  this: Thread<'first' | 'rows' | 'lastColumn'>,
  x: Matrix,
  weight: Matrix,
  lastRow: Row,
): Four {
  // Whole numbers come first: a minifier makes one declaration of all, and gpu.js takes none of them after a fraction.
  const top = this.thread.y * 2
  const left = this.thread.x * 2
  const bottom = Math.min(top + 1, lastRow[0])
  const right = Math.min(left + 1, this.constants.lastColumn)
  let topLeft = 0
  let topRight = 0
  let bottomLeft = 0
  let bottomRight = 0
  for (let block = 0; block < this.constants.rows; block += 256) {
    const end = Math.min(block + 256, this.constants.rows)
    const whole = Math.floor((end - block) * 0.25) * 4 + block
    let part0 = 0
    let part1 = 0
    let part2 = 0
    let part3 = 0
    for (let k = block; k < whole; k += 4) {
      const at = this.constants.first + k
      const a0 = x[top][at]
      const a1 = x[top][at + 1]
      const a2 = x[top][at + 2]
      const a3 = x[top][at + 3]
      const b0 = x[bottom][at]
      const b1 = x[bottom][at + 1]
      const b2 = x[bottom][at + 2]
      const b3 = x[bottom][at + 3]
      const c0 = weight[k][left]
      const c1 = weight[k + 1][left]
      const c2 = weight[k + 2][left]
      const c3 = weight[k + 3][left]
      const d0 = weight[k][right]
      const d1 = weight[k + 1][right]
      const d2 = weight[k + 2][right]
      const d3 = weight[k + 3][right]
      part0 += a0 * c0 + a1 * c1 + a2 * c2 + a3 * c3
      part1 += a0 * d0 + a1 * d1 + a2 * d2 + a3 * d3
      part2 += b0 * c0 + b1 * c1 + b2 * c2 + b3 * c3
      part3 += b0 * d0 + b1 * d1 + b2 * d2 + b3 * d3
    }
    // WORKAROUND, fault 8 in FAULTS.md: a second counter called k would be declared twice.
    for (let rest = whole; rest < end; rest += 1) {
      const at = this.constants.first + rest
      part0 += x[top][at] * weight[rest][left]
      part1 += x[top][at] * weight[rest][right]
      part2 += x[bottom][at] * weight[rest][left]
      part3 += x[bottom][at] * weight[rest][right]
    }
    topLeft += part0
    topRight += part1
    bottomLeft += part2
    bottomRight += part3
  }
  return [topLeft, topRight, bottomLeft, bottomRight]
}

/**
 * For a single row, which leaves most of a GPU idle: one thread per block of 256 numbers of it, and four neighbouring outputs. There
 * are then as many times more threads as there are blocks; `finishBlocks` adds up their results. 1.25 reads per product.
 */
export function productBlock(this: Thread<'first' | 'rows' | 'lastColumn'>, x: Matrix, weight: Matrix): Four {
  const j0 = this.thread.x * 4
  const block = this.thread.y * 256
  const j1 = Math.min(j0 + 1, this.constants.lastColumn)
  const j2 = Math.min(j0 + 2, this.constants.lastColumn)
  const j3 = Math.min(j0 + 3, this.constants.lastColumn)
  const end = Math.min(block + 256, this.constants.rows)
  const whole = Math.floor((end - block) * 0.25) * 4 + block
  let part0 = 0
  let part1 = 0
  let part2 = 0
  let part3 = 0
  for (let k = block; k < whole; k += 4) {
    const at = this.constants.first + k
    const a0 = x[0][at]
    const a1 = x[0][at + 1]
    const a2 = x[0][at + 2]
    const a3 = x[0][at + 3]
    part0 += a0 * weight[k][j0] + a1 * weight[k + 1][j0] + a2 * weight[k + 2][j0] + a3 * weight[k + 3][j0]
    part1 += a0 * weight[k][j1] + a1 * weight[k + 1][j1] + a2 * weight[k + 2][j1] + a3 * weight[k + 3][j1]
    part2 += a0 * weight[k][j2] + a1 * weight[k + 1][j2] + a2 * weight[k + 2][j2] + a3 * weight[k + 3][j2]
    part3 += a0 * weight[k][j3] + a1 * weight[k + 1][j3] + a2 * weight[k + 2][j3] + a3 * weight[k + 3][j3]
  }
  // fault 8 again
  for (let rest = whole; rest < end; rest += 1) {
    const value = x[0][this.constants.first + rest]
    part0 += value * weight[rest][j0]
    part1 += value * weight[rest][j1]
    part2 += value * weight[rest][j2]
    part3 += value * weight[rest][j3]
  }
  return [part0, part1, part2, part3]
}
