import type { Activation } from '../backend.ts'
import { Tensor } from '../tensor.ts'
import { add, sumOfShares } from './add.ts'
import type { Device } from './device.ts'
import { geluErf } from './gelu-erf.ts'
import { gelu } from './gelu.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuLinear } from './prepared.ts'
import { relu } from './relu.ts'
import { rowBlocks, rowsOf } from './row-blocks.ts'
import type { GpuTensor } from './tensor.ts'

/**
 * Naive: one thread an output. It walks one row of x and one column of W: two reads a product. Neighbouring threads
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

/** Better: one thread four neighbouring outputs. A number of x is read once for four products: 1.25 reads a product. */
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

/** x W + b: each part's share of the sum, added up. */
async function product(device: Device, x: GpuTensor, layer: GpuLinear): Promise<GpuTensor> {
  const shape = [x.shape[0], layer.out]
  // A sum over nothing: its layer holds one row of zeros (see prepareLinear).
  using nothing = device.tensor(Tensor.zeros([x.shape[0], 1]))
  const input = layer.in === 0 ? nothing : x
  const fours = layer.out % 4 === 0
  const grid = fours ? [x.shape[0], layer.out / 4] : shape
  return await sumOfShares(device, layer.parts, ({ first, rows, weight }) => {
    const bias = first === 0 ? layer.bias : layer.noBias
    const launch = { grid, shape, constants: { first, rows } }
    return device.run(fours ? productFour : productNaive, launch, input, weight, bias)
  })
}

/**
 * The activation and the residual are kernels of their own: a pass over memory each, beside `in` passes for the product.
 * A result that is larger than the GPU binds at once is made block by block, and gathered in host memory.
 */
export async function linear(
  device: Device,
  x: GpuTensor,
  layer: GpuLinear,
  activation: Activation = 'none',
  residual?: GpuTensor,
): Promise<GpuTensor> {
  const [rows] = x.shape
  const blocks = rowBlocks(device, rows, Math.max(layer.in, layer.out))
  if (blocks.length === 1) return linearAtOnce(device, x, layer, activation, residual)
  const gathered = Tensor.zeros([rows, layer.out])
  for (const [first, last] of blocks) {
    using part = await rowsOf(device, x, first, last)
    using before = residual && (await rowsOf(device, residual, first, last))
    using block = await linearAtOnce(device, part, layer, activation, before)
    gathered.rows(first, last).data.set((await block.download()).data)
  }
  return device.tensor(gathered)
}

async function linearAtOnce(
  device: Device,
  x: GpuTensor,
  layer: GpuLinear,
  activation: Activation,
  residual?: GpuTensor,
): Promise<GpuTensor> {
  const sums = await product(device, x, layer)
  const activated = await activate(device, sums, activation)
  if (!residual) return activated
  using before = activated
  return await add(device, before, residual, false)
}

async function activate(device: Device, sums: GpuTensor, activation: Activation): Promise<GpuTensor> {
  if (activation === 'none') return sums
  using before = sums
  return await { gelu, geluErf, relu }[activation](device, before)
}
