import type { Activation } from '../backend.ts'
import { Tensor } from '../tensor.ts'
import { sumOfShares } from './add.ts'
import type { Device } from './device.ts'
import { geluErfOf } from './gelu-erf.ts'
import { geluOf } from './gelu.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import type { GpuLinear } from './prepared.ts'
import { productBlock, productTile } from './product.ts'
import { reluOf } from './relu.ts'
import { rowBlocks, rowsOf } from './row-blocks.ts'
import type { GpuTensor } from './tensor.ts'

/** Activations as numbers of a program's text, where a comparison with them costs nothing. */
const codes: Readonly<Record<Activation, number>> = { none: 0, gelu: 1, geluErf: 2, relu: 3 }

/** What the kernels below call. */
export const activations = [geluOf, geluErfOf, reluOf]

/** What finishes an output: `adds` is 1 where a residual is added. */
type Finish = 'activation' | 'adds'

/**
 * One thread per output: it fetches its sum from its tile, and does everything else in the same pass over memory.
 * Each step rounds to float32, as kernels of their own would: JavaScript's numbers are float64, and a hook that reads the values
 * in between must not change a bit.
 */
export function finishTiles(this: Thread<Finish>, tiles: Matrix, bias: Row, residual: Matrix): number {
  const row = Math.floor(this.thread.y * 0.5)
  const tile = Math.floor(this.thread.x * 0.5)
  const corner = (row * -2 + this.thread.y) * 2 + (tile * -2 + this.thread.x) // fractions first: see product.ts
  let value = Math.fround(tiles[row][tile * 4 + corner] + bias[this.thread.x])
  if (this.constants.activation === 1) value = Math.fround(geluOf(value))
  if (this.constants.activation === 2) value = Math.fround(geluErfOf(value))
  if (this.constants.activation === 3) value = reluOf(value)
  if (this.constants.adds === 1) value += residual[this.thread.y][this.thread.x]
  return value
}

/** The same for a single row, whose sums are still in blocks of 256 terms. */
function finishBlocks(this: Thread<Finish | 'blocks'>, parts: Matrix, bias: Row, residual: Matrix): number {
  let sum = 0
  for (let block = 0; block < this.constants.blocks; block++) sum += parts[block][this.thread.x]
  let value = Math.fround(sum + bias[this.thread.x])
  if (this.constants.activation === 1) value = Math.fround(geluOf(value))
  if (this.constants.activation === 2) value = Math.fround(geluErfOf(value))
  if (this.constants.activation === 3) value = reluOf(value)
  if (this.constants.adds === 1) value += residual[this.thread.y][this.thread.x]
  return value
}

/** A result that is larger than the GPU binds at once is made block by block, and gathered in host memory. */
export async function linear(
  device: Device,
  x: GpuTensor,
  layer: GpuLinear,
  activation: Activation = 'none',
  residual?: GpuTensor,
): Promise<GpuTensor> {
  const [rows] = x.shape
  const blocks = rowBlocks(device, rows, Math.max(layer.in, 4 * Math.ceil(layer.out / 4)))
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
  const [rows] = x.shape
  // A sum over nothing: its layer holds one row of zeros (see prepareLinear).
  using nothing = device.tensor(Tensor.zeros([rows, 1]))
  const input = layer.in === 0 ? nothing : x
  const constants = { activation: codes[activation], adds: residual ? 1 : 0 }
  const launch = { grid: [rows, layer.out], functions: activations }
  const added = residual ?? { tensor: layer.bias, shape: [1, layer.out] } // not read where nothing is added
  if (rows !== 1 || device.mode === 'cpu') {
    using tiles = await tileSums(device, input, layer)
    return await device.run(finishTiles, { ...launch, constants }, tiles, layer.bias, added)
  }
  using parts = await blockSums(device, input, layer)
  const [blocks] = parts.shape
  const finish = { ...launch, constants: { ...constants, blocks } }
  return await device.run(finishBlocks, finish, parts, layer.bias, added)
}

/** x W in tiles of two by two. -> [rows / 2, 4 * outputs / 2], both rounded up */
function tileSums(device: Device, x: GpuTensor, layer: GpuLinear): Promise<GpuTensor> {
  const [rows] = x.shape
  const grid = [Math.ceil(rows / 2), Math.ceil(layer.out / 2)]
  return sumOfShares(device, layer.parts, ({ first, rows: terms, weight }) => {
    const constants = { first, rows: terms, lastColumn: layer.out - 1 }
    const launch = { grid, shape: [grid[0], 4 * grid[1]], constants }
    return device.run(productTile, launch, x, weight, Float32Array.of(rows - 1))
  })
}

/** x W for one row, a row of results for each 256 terms. -> [blocks, outputs rounded up to fours] */
function blockSums(device: Device, x: GpuTensor, layer: GpuLinear): Promise<GpuTensor> {
  const grid = [Math.ceil(layer.parts[0].rows / 256), Math.ceil(layer.out / 4)]
  return sumOfShares(device, layer.parts, ({ first, rows, weight }) => {
    const constants = { first, rows, lastColumn: layer.out - 1 }
    return device.run(productBlock, { grid, shape: [grid[0], 4 * grid[1]], constants }, x, weight)
  })
}
