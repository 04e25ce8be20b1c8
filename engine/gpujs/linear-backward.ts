import { add, sumOfShares } from './add.ts'
import { matrixForm, type Device } from './device.ts'
import type { Matrix, Thread } from './kernel.ts'
import type { GpuLinear } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/** dX = dY W^T: one thread per input, which walks a row of dY and a row of W; 0 where another part has the row. */
function inputSlope(this: Thread<'first' | 'rows' | 'width'>, dY: Matrix, weight: Matrix): number {
  const row = this.thread.x - this.constants.first
  if (row < 0) return 0
  if (row >= this.constants.rows) return 0
  let sum = 0
  for (let block = 0; block < this.constants.width; block += 256) {
    const end = Math.min(block + 256, this.constants.width)
    let part = 0
    for (let j = block; j < end; j += 1) part += dY[this.thread.y][j] * weight[row][j]
    sum += part
  }
  return sum
}

export function linearBackward(device: Device, dY: GpuTensor, layer: GpuLinear): Promise<GpuTensor> {
  return sumOfShares(device, layer.parts, ({ first, rows, weight }) => {
    const launch = { grid: [dY.shape[0], layer.in], constants: { first, rows, width: layer.out } }
    return device.run(inputSlope, launch, dY, weight)
  })
}

/** dW = X^T dY: one thread per weight, which walks down a column of x and one of dY. */
function weightSlope(this: Thread<'rows'>, x: Matrix, dY: Matrix): number {
  let sum = 0
  for (let block = 0; block < this.constants.rows; block += 256) {
    const end = Math.min(block + 256, this.constants.rows)
    let part = 0
    for (let t = block; t < end; t += 1) part += x[t][this.thread.y] * dY[t][this.thread.x]
    sum += part
  }
  return sum
}

/** Added to dW [in, out] and, where it is given, db [out]. x [rows, in], dY [rows, out] */
export async function linearWeightsBackward(
  device: Device,
  dY: GpuTensor,
  x: GpuTensor,
  dW: GpuTensor,
  db?: GpuTensor,
): Promise<void> {
  const [rows] = x.shape
  await addTo(device, dW, await device.run(weightSlope, { grid: dW.shape, constants: { rows } }, x, dY))
  if (db) await addTo(device, db, await sumRows(device, dY))
}

/** One thread per column: it walks down all rows. */
function columnSum(this: Thread<'rows'>, x: Matrix): number {
  let sum = 0
  for (let block = 0; block < this.constants.rows; block += 256) {
    const end = Math.min(block + 256, this.constants.rows)
    let part = 0
    for (let t = block; t < end; t += 1) part += x[t][this.thread.x]
    sum += part
  }
  return sum
}

export function sumRows(device: Device, dY: GpuTensor): Promise<GpuTensor> {
  const [rows, width] = dY.shape
  return device.run(columnSum, { grid: [width], constants: { rows } }, dY)
}

/** gradient += share, which is freed. */
export async function addTo(device: Device, gradient: GpuTensor, share: GpuTensor): Promise<void> {
  using part = share
  gradient.become(await add(device, gradient, part, false))
}

/** dx = dy where y = relu(x) is above 0. */
function reluSlope(this: Thread, dY: Matrix, y: Matrix): number {
  if (y[this.thread.y][this.thread.x] <= 0) return 0
  return dY[this.thread.y][this.thread.x]
}

export function reluBackward(device: Device, dY: GpuTensor, y: GpuTensor): Promise<GpuTensor> {
  const shape = matrixForm(y.shape)
  const launch = { grid: shape, shape: y.shape }
  return device.run(reluSlope, launch, { tensor: dY, shape }, { tensor: y, shape })
}
