import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import { rowHighest, rowTotal, softmax } from './softmax.ts'
import type { GpuTensor } from './tensor.ts'

/** log softmax(x): of a row's numbers, and what softmax's first two kernels found. */
function logShare(this: Thread, x: Matrix, highest: Row, total: Row): number {
  return x[this.thread.y][this.thread.x] - highest[this.thread.y] - Math.log(total[this.thread.y])
}

/** log p - log q, 0 where p is. */
function surplus(this: Thread, p: Matrix, logP: Matrix, logQ: Matrix): number {
  if (p[this.thread.y][this.thread.x] === 0) return 0
  return logP[this.thread.y][this.thread.x] - logQ[this.thread.y][this.thread.x]
}

/** One thread per row: y = the sum of p (log p - log q). */
function divergence(this: Thread<'width'>, p: Matrix, more: Matrix): number {
  let sum = 0
  for (let i = 0; i < this.constants.width; i += 1) sum += p[this.thread.x][i] * more[this.thread.x][i]
  return sum
}

/** da = dy p (log p - log q - y). */
function slopeOfA(this: Thread, dY: Row, p: Matrix, more: Matrix, y: Row): number {
  const t = this.thread.y
  return dY[t] * p[t][this.thread.x] * (more[t][this.thread.x] - y[t])
}

/** db = dy (q - p). */
function slopeOfB(this: Thread, dY: Row, p: Matrix, q: Matrix): number {
  const t = this.thread.y
  return dY[t] * (q[t][this.thread.x] - p[t][this.thread.x])
}

/** dY [rows] -> [da, db], both [rows, width] */
export async function klDivergenceBackward(
  device: Device,
  dY: GpuTensor,
  a: GpuTensor,
  b: GpuTensor,
): Promise<[dA: GpuTensor, dB: GpuTensor]> {
  const [rows, width] = a.shape
  const [all, each] = [{ grid: [rows, width] }, { grid: [rows], constants: { width } }]
  const logOf = async (x: GpuTensor) => {
    using highest = await device.run(rowHighest, each, x)
    using total = await device.run(rowTotal, each, x, highest)
    return await device.run(logShare, all, x, highest, total)
  }
  using p = await softmax(device, a)
  using q = await softmax(device, b)
  using logP = await logOf(a)
  using logQ = await logOf(b)
  using more = await device.run(surplus, all, p, logP, logQ)
  using y = await device.run(divergence, each, p, more)
  const dA = await device.run(slopeOfA, all, dY, p, more, y)
  return [dA, await device.run(slopeOfB, all, dY, p, q)]
}
