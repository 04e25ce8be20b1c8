/*
 * Steps that engine/gpujs has replaced with better ones: what the ladder of `bench gpujs` starts from. A plan of createPipeline is made
 * of them, because there the next kernel cannot read a result of four numbers per thread.
 */
import type { Cube, Matrix, Row, Thread } from '../../engine/gpujs/kernel.ts'

/** One thread per four neighbouring outputs. A number of x is read once for four products: 1.25 reads per product. */
export function productFour(
  this: Thread<'first' | 'rows'>,
  x: Matrix,
  weight: Matrix,
  bias: Row,
): [number, number, number, number] {
  const j = this.thread.x * 4
  let sum0 = 0
  let sum1 = 0
  let sum2 = 0
  let sum3 = 0
  for (let block = 0; block < this.constants.rows; block += 256) {
    const end = Math.min(block + 256, this.constants.rows)
    let part0 = 0
    let part1 = 0
    let part2 = 0
    let part3 = 0
    for (let k = block; k < end; k += 1) {
      const value = x[this.thread.y][this.constants.first + k]
      part0 += value * weight[k][j]
      part1 += value * weight[k][j + 1]
      part2 += value * weight[k][j + 2]
      part3 += value * weight[k][j + 3]
    }
    sum0 += part0
    sum1 += part1
    sum2 += part2
    sum3 += part3
  }
  return [sum0 + bias[j], sum1 + bias[j + 1], sum2 + bias[j + 2], sum3 + bias[j + 3]]
}

/** One thread per two outputs of two rows, one step of k at a time. */
export function productTileRolled(
  this: Thread<'first' | 'rows' | 'lastColumn'>,
  x: Matrix,
  weight: Matrix,
  lastRow: Row,
): [number, number, number, number] {
  const top = this.thread.y * 2
  const bottom = Math.min(top + 1, lastRow[0])
  const left = this.thread.x * 2
  const right = Math.min(left + 1, this.constants.lastColumn)
  let topLeft = 0
  let topRight = 0
  let bottomLeft = 0
  let bottomRight = 0
  for (let block = 0; block < this.constants.rows; block += 256) {
    const end = Math.min(block + 256, this.constants.rows)
    let part0 = 0
    let part1 = 0
    let part2 = 0
    let part3 = 0
    for (let k = block; k < end; k += 1) {
      const a = x[top][this.constants.first + k]
      const b = x[bottom][this.constants.first + k]
      const c = weight[k][left]
      const d = weight[k][right]
      part0 += a * c
      part1 += a * d
      part2 += b * c
      part3 += b * d
    }
    topLeft += part0
    topRight += part1
    bottomLeft += part2
    bottomRight += part3
  }
  return [topLeft, topRight, bottomLeft, bottomRight]
}

/** One thread per row, which walks it once. */
export function rowMean(this: Thread<'width'>, x: Matrix): number {
  let sum = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) part += x[this.thread.x][i]
    sum += part
  }
  return sum / this.constants.width
}

/** One thread per row: the mean of the row that remains after subtracting the float32 sum's; 0 where that is not a number. */
export function rowRest(this: Thread<'width'>, x: Matrix, mean: Row): number {
  let sum = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) part += x[this.thread.x][i] - mean[this.thread.x]
    sum += part
  }
  if (sum > -3e38 && sum < 3e38) return sum / this.constants.width
  return 0
}

/** One thread per number, which reads that number and what its row's mean is made of. */
export function centered(this: Thread, x: Matrix, mean: Row, rest: Row): number {
  return x[this.thread.y][this.thread.x] - mean[this.thread.y] - rest[this.thread.y]
}

/** One thread per row: it walks the remainder again. */
export function rowDeviation(this: Thread<'width' | 'eps'>, centered: Matrix): number {
  let squares = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) part += centered[this.thread.x][i] * centered[this.thread.x][i]
    squares += part
  }
  return Math.sqrt(squares / this.constants.width + this.constants.eps)
}

/** One thread per number, which reads four numbers however wide the row is. */
export function normalized(this: Thread, centered: Matrix, deviation: Row, weight: Row, bias: Row): number {
  const z = centered[this.thread.y][this.thread.x] / deviation[this.thread.y]
  return z * weight[this.thread.x] + bias[this.thread.x]
}

/** One thread per query and head: it looks for the largest of the query's scores. */
export function highestScore(this: Thread, scores: Cube, visible: Row): number {
  let highest = scores[this.thread.y][this.thread.x][0]
  for (let key = 1; key < visible[this.thread.x]; key++)
    if (scores[this.thread.y][this.thread.x][key] > highest)
      highest = scores[this.thread.y][this.thread.x][key]
  return highest
}

/** One thread per query and head: it walks the scores again and adds up their exponentials. */
export function totalWeight(this: Thread, scores: Cube, highest: Matrix, visible: Row): number {
  let total = 0
  for (let block = 0; block < visible[this.thread.x]; block += 256) {
    const end = Math.min(block + 256, visible[this.thread.x])
    let part = 0
    for (let key = block; key < end; key += 1)
      part += Math.exp(scores[this.thread.y][this.thread.x][key] - highest[this.thread.y][this.thread.x])
    total += part
  }
  return total
}

/** One thread per probability: it reads one score, and what the two kernels before found for its row. */
export function probability(
  this: Thread,
  scores: Cube,
  highest: Matrix,
  total: Matrix,
  visible: Row,
): number {
  if (this.thread.x >= visible[this.thread.y]) return 0
  const score = scores[this.thread.z][this.thread.y][this.thread.x]
  return Math.exp(score - highest[this.thread.z][this.thread.y]) / total[this.thread.z][this.thread.y]
}
