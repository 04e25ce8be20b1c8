import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import { rowHighest, rowTotal } from './softmax.ts'
import type { GpuTensor } from './tensor.ts'

/** One thread per row, which adds up exp(a) (a - b), both less their largest: what has no probability adds nothing. */
function weighted(this: Thread<'width'>, a: Matrix, b: Matrix, highestA: Row, highestB: Row): number {
  let total = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let i = block; i < end; i += 1) {
      const logP = a[this.thread.x][i] - highestA[this.thread.x]
      const p = Math.exp(logP)
      let term = p * (logP - (b[this.thread.x][i] - highestB[this.thread.x]))
      if (p === 0) term = 0
      part += term
    }
    total += part
  }
  return total
}

/** Last step: one thread per row, which reads three numbers. Written so that NaN goes through. */
function divergence(this: Thread, sum: Row, totalA: Row, totalB: Row): number {
  const i = this.thread.x
  const value = sum[i] / totalA[i] + Math.log(totalB[i]) - Math.log(totalA[i])
  if (value <= 0) return 0
  return value
}

export async function klDivergence(device: Device, a: GpuTensor, b: GpuTensor): Promise<GpuTensor> {
  const [rows, width] = a.shape
  if (rows === 0) return a.reshape([0])
  const launch = { grid: [rows], constants: { width } }
  using highestA = await device.run(rowHighest, launch, a)
  using highestB = await device.run(rowHighest, launch, b)
  using totalA = await device.run(rowTotal, launch, a, highestA)
  using totalB = await device.run(rowTotal, launch, b, highestB)
  using sum = await device.run(weighted, launch, a, b, highestA, highestB)
  return await device.run(divergence, { grid: [rows] }, sum, totalA, totalB)
}
