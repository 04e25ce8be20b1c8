import { matrixForm, type Device } from './device.ts'
import type { Kernel, Matrix, Row, Thread } from './kernel.ts'
import type { Part } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/** One thread per number: it reads one number of a and one of b. Nothing is shared, nothing is read twice. */
export function sum(this: Thread, a: Matrix, b: Matrix): number {
  return a[this.thread.y][this.thread.x] + b[this.thread.y][this.thread.x]
}

/** The same where b is one row for all of a's rows: threads of a column read the same number of b. */
export function sumWithRow(this: Thread, a: Matrix, b: Row): number {
  return a[this.thread.y][this.thread.x] + b[this.thread.x]
}

function difference(this: Thread, a: Matrix, b: Matrix): number {
  return a[this.thread.y][this.thread.x] - b[this.thread.y][this.thread.x]
}

function differenceWithRow(this: Thread, a: Matrix, b: Row): number {
  return a[this.thread.y][this.thread.x] - b[this.thread.x]
}

export function add(device: Device, a: GpuTensor, b: GpuTensor, broadcast: boolean): Promise<GpuTensor> {
  return elementwise(device, broadcast ? sumWithRow : sum, a, b, broadcast)
}

export function subtract(device: Device, a: GpuTensor, b: GpuTensor, broadcast: boolean): Promise<GpuTensor> {
  return elementwise(device, broadcast ? differenceWithRow : difference, a, b, broadcast)
}

function elementwise(
  device: Device,
  kernel: Kernel,
  a: GpuTensor,
  b: GpuTensor,
  broadcast: boolean,
): Promise<GpuTensor> {
  const grid = matrixForm(a.shape)
  const second = { tensor: b, shape: broadcast ? b.shape : grid }
  return device.run(kernel, { grid, shape: a.shape }, { tensor: a, shape: grid }, second)
}

/** Adds up the shares from the parts of a cut weight matrix, and frees them. */
export async function sumOfShares(
  device: Device,
  parts: readonly Part[],
  shareOf: (part: Part) => Promise<GpuTensor>,
): Promise<GpuTensor> {
  let total = await shareOf(parts[0])
  for (const part of parts.slice(1)) {
    using before = total
    using next = await shareOf(part)
    total = await add(device, before, next, false)
  }
  return total
}
