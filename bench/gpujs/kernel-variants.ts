// The same op divided among gpu.js threads in two ways: what a better division is worth.
import { center, centeredNaive } from '../../engine/gpujs/center.ts'
import { layerNorm, normalizedNaive } from '../../engine/gpujs/layer-norm.ts'
import { fetchActive } from '../../engine/gpujs/sparse-encode.ts'
import { softenedNaive, softmax } from '../../engine/gpujs/softmax.ts'
import type { GpuTensor } from '../../engine/gpujs/tensor.ts'
import { positiveEntries, type SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { numbers } from '../numbers.ts'
import { makeCase, type OpCase } from './case.ts'
import { centered, normalized, rowDeviation, rowMean, rowRest } from './earlier-kernels.ts'
import { productSteps } from './product-steps.ts'
import { deviceOf, variants } from './variants.ts'

const [dModel, features] = [768, 24576]
const EPS = 1e-5

export function kernelVariants(tokens: number): OpCase[] {
  const stream = [tokens, dModel]
  const size = tokens * dModel
  const onRows = { shape: stream, moved: 2 * size, inputs: [stream] }
  const grid = { grid: stream, constants: { width: dModel } }
  return [
    ...productSteps(tokens),
    ...productSteps(1),
    ...variants(
      {
        ...onRows,
        name: 'layerNorm',
        inputs: [stream, [dModel], [dModel]],
        reference: async (ops, [x, weight, bias]) => {
          const norm = await ops.prepareNorm(sourceOf('weight', weight), sourceOf('bias', bias))
          return ops.layerNorm(ops.upload(x), norm, EPS)
        },
      },
      {
        'naive: each thread walks its row': (inputs) => {
          const launch = { grid: stream, constants: { width: dModel, eps: EPS } }
          return deviceOf(inputs[0]).run(normalizedNaive, launch, ...inputs)
        },
        'a row is walked once, a kernel a step': stepByStep,
        'better: the steps in two kernels': ([x, weight, bias]) =>
          layerNorm(deviceOf(x), x, { weight, bias }, EPS),
      },
    ),
    ...variants(
      { ...onRows, name: 'center', reference: (ops, [x]) => ops.center(ops.upload(x)) },
      {
        'naive: each thread walks its row': ([x]) => deviceOf(x).run(centeredNaive, grid, x),
        'better: a row is walked once': ([x]) => center(deviceOf(x), x),
      },
    ),
    ...variants(
      { ...onRows, name: 'softmax', reference: (ops, [x]) => ops.softmax(ops.upload(x)) },
      {
        'naive: each thread walks its row': ([x]) => deviceOf(x).run(softenedNaive, grid, x),
        'better: a row is walked once': ([x]) => softmax(deviceOf(x), x),
      },
    ),
    readActive(tokens, 'naive: read all back', async (dense) => positiveEntries(await dense.download())),
    readActive(tokens, 'better: list them first', (dense) => fetchActive(deviceOf(dense), dense)),
  ]
}

/** layerNorm before its steps were joined: five launches, each of which reads its row again. */
async function stepByStep([x, weight, bias]: GpuTensor[]): Promise<GpuTensor> {
  const device = deviceOf(x)
  const [rows, width] = x.shape
  const eachRow = { grid: [rows], constants: { width } }
  using mean = await device.run(rowMean, eachRow, x)
  using rest = await device.run(rowRest, eachRow, x, mean)
  using middle = await device.run(centered, { grid: x.shape }, x, mean, rest)
  const constants = { width, eps: EPS }
  using deviation = await device.run(rowDeviation, { grid: [rows], constants }, middle)
  return await device.run(normalized, { grid: x.shape }, middle, deviation, weight, bias)
}

/** From dense features on the device, of which 60 of a row's 24,576 are positive, to a list of those in host memory. */
function readActive(tokens: number, way: string, read: (dense: GpuTensor) => Promise<SparseRows>): OpCase {
  const shape = [tokens, features]
  const make = () => {
    const { data } = numbers(shape, 1, 1, -1 + 120 / features)
    return new Tensor(
      shape,
      data.map((value) => Math.max(0, value)),
    )
  }
  return {
    ...makeCase(`active features, ${way}`, shape, 0, tokens * features, async (ops) => {
      const onDevice = await ops.add(ops.upload(make()), ops.upload(numbers([features], 1, 0)))
      return () => read(onDevice as GpuTensor)
    }),
    gpujsOnly: true,
    twin: async () => async () => positiveEntries(make()),
  }
}
