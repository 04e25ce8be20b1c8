// The ladder of gpu.js' matrix product: what each step changes, and how many numbers it then reads per product.
import { add } from '../../engine/gpujs/add.ts'
import { gelu } from '../../engine/gpujs/gelu.ts'
import { activations, finishTiles, linear } from '../../engine/gpujs/linear.ts'
import { productNaive } from '../../engine/gpujs/product.ts'
import type { GpuLinear } from '../../engine/gpujs/prepared.ts'
import type { GpuTensor } from '../../engine/gpujs/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import type { OpCase } from './case.ts'
import { productFour, productTileRolled } from './earlier-kernels.ts'
import { deviceOf, variants } from './variants.ts'

const [dModel, dMlp] = [768, 3072]
const constants = { first: 0, rows: dModel }

/** linear at `tokens` rows, one step at a time, then with what follows it in a model. */
export function productSteps(tokens: number): OpCase[] {
  const size = tokens * dModel
  const product = {
    shape: [tokens, dModel, dMlp],
    flops: 2 * size * dMlp,
    moved: size + dModel * dMlp + tokens * dMlp,
  }
  const inputs = [[tokens, dModel], [dModel, dMlp], [dMlp]]
  const asItIs = ([x, weight, bias]: GpuTensor[]) => linear(deviceOf(x), x, layerOf(weight, bias))
  const cuts = {
    'naive, an output a thread: 2 reads a product': (inputs: GpuTensor[]) =>
      deviceOf(inputs[0]).run(productNaive, { grid: [tokens, dMlp], constants }, ...inputs),
    'four outputs of a row: 1.25 reads a product': (inputs: GpuTensor[]) => {
      const launch = { grid: [tokens, dMlp / 4], shape: [tokens, dMlp], constants }
      return deviceOf(inputs[0]).run(productFour, launch, ...inputs)
    },
  }
  const tiled = {
    'two outputs of two rows: 1 read a product': rolledTiles,
    'the same, four steps of the loop at once, as it is: 1 read a product': asItIs,
  }
  return [
    ...variants(
      {
        ...product,
        name: 'linear',
        inputs,
        reference: async (ops, [x, weight, bias]) =>
          ops.linear(ops.upload(x), await ops.prepareLinear(sourceOf('W', weight), sourceOf('b', bias))),
      },
      {
        ...cuts,
        ...(tokens === 1
          ? { 'the row cut into blocks, four steps at once, as it is: 1.25 reads a product': asItIs }
          : tiled),
      },
    ),
    ...variants(
      {
        ...product,
        name: 'linear + GELU + residual',
        inputs: [...inputs, [tokens, dMlp]],
        reference: async (ops, [x, weight, bias, residual]) => {
          const layer = await ops.prepareLinear(sourceOf('W', weight), sourceOf('b', bias))
          return ops.linear(ops.upload(x), layer, { activation: 'gelu', residual: ops.upload(residual) })
        },
      },
      {
        'each in a kernel of its own': async ([x, weight, bias, residual]) => {
          using sums = await asItIs([x, weight, bias])
          using activated = await gelu(deviceOf(x), sums)
          return await add(deviceOf(x), activated, residual, false)
        },
        'in the kernel that fetches the sums': ([x, weight, bias, residual]) =>
          linear(deviceOf(x), x, layerOf(weight, bias), 'gelu', residual),
      },
    ),
  ]
}

const layerOf = (weight: GpuTensor, bias: GpuTensor): GpuLinear => ({
  in: dModel,
  out: dMlp,
  hasBias: true,
  parts: [{ first: 0, rows: dModel, weight }],
  bias,
})

/** A kernel, and what `linear` does after it. */
async function rolledTiles([x, weight, bias]: GpuTensor[]): Promise<GpuTensor> {
  const [rows] = x.shape
  const grid = [Math.ceil(rows / 2), dMlp / 2]
  const launch = { grid, shape: [grid[0], 2 * dMlp], constants: { ...constants, lastColumn: dMlp - 1 } }
  using tiles = await deviceOf(x).run(productTileRolled, launch, x, weight, Float32Array.of(rows - 1))
  const finish = { grid: [rows, dMlp], constants: { activation: 0, adds: 0 }, functions: activations }
  return await deviceOf(x).run(finishTiles, finish, tiles, bias, { tensor: bias, shape: [1, dMlp] })
}
