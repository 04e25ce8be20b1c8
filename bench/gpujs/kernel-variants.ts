import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { center, centeredNaive } from '../../engine/gpujs/center.ts'
import type { Kernel, Launch } from '../../engine/gpujs/kernel.ts'
import { layerNorm, normalizedNaive } from '../../engine/gpujs/layer-norm.ts'
import { productFour, productNaive } from '../../engine/gpujs/linear.ts'
import { fetchActive } from '../../engine/gpujs/sparse-encode.ts'
import { softenedNaive, softmax } from '../../engine/gpujs/softmax.ts'
import type { GpuTensor } from '../../engine/gpujs/tensor.ts'
import { positiveEntries } from '../../engine/sparse.ts'
import { Tensor, type Shape } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { numbers } from '../numbers.ts'
import type { Case } from './case.ts'

const [dModel, dMlp, features] = [768, 3072, 24576]

/** The same op cut into threads in two ways: what a better cut is worth. */
export function kernelVariants(tokens: number): Case[] {
  const stream = [tokens, dModel]
  const size = tokens * dModel
  const rows = { flops: 0, bytes: 8 * size }
  const product = {
    flops: 2 * size * dMlp,
    bytes: 4 * (size + dModel * dMlp + tokens * dMlp),
  }
  const width = dModel
  const norm = { width, eps: 1e-5 }
  const onStream = [stream, [dModel], [dModel]]
  const layer = [stream, [dModel, dMlp], [dMlp]]
  const constants = { first: 0, rows: dModel }
  const [outputs, fours] = [
    [tokens, dMlp],
    [tokens, dMlp / 4],
  ]
  return [
    oneKernel(
      'linear, naive: one output a thread',
      product,
      productNaive,
      { grid: outputs, constants },
      layer,
      linear,
    ),
    oneKernel(
      'linear, better: four outputs a thread',
      product,
      productFour,
      { grid: fours, shape: outputs, constants },
      layer,
      linear,
    ),
    oneKernel(
      'layerNorm, naive: each thread walks its row',
      rows,
      normalizedNaive,
      { grid: stream, constants: norm },
      onStream,
      normed,
    ),
    several(
      'layerNorm, better: a row is walked once',
      rows,
      onStream,
      ([x, weight, bias]) => layerNorm(x.device, x, { weight, bias }, 1e-5),
      normed,
    ),
    oneKernel(
      'center, naive: each thread walks its row',
      rows,
      centeredNaive,
      { grid: stream, constants: { width } },
      [stream],
      centred,
    ),
    several('center, better: a row is walked once', rows, [stream], ([x]) => center(x.device, x), centred),
    oneKernel(
      'softmax, naive: each thread walks its row',
      rows,
      softenedNaive,
      { grid: stream, constants: { width } },
      [stream],
      softened,
    ),
    several('softmax, better: a row is walked once', rows, [stream], ([x]) => softmax(x.device, x), softened),
    readActive(tokens, 'active features, naive: read all back', async (dense) =>
      positiveEntries(await dense.download()),
    ),
    readActive(tokens, 'active features, better: list them first', (dense) =>
      fetchActive(dense.device, dense),
    ),
  ]
}

function several(
  work: string,
  cost: Case['cost'],
  shapes: readonly Shape[],
  run: (inputs: GpuTensor[]) => Promise<DeviceTensor>,
  reference: (ops: Backend, inputs: Tensor[]) => Promise<DeviceTensor>,
): Case {
  const dimensions = shapes.length > 1 && shapes[1].length === 2 ? [...shapes[0], shapes[1][1]] : shapes[0]
  return {
    work,
    shape: dimensions.join('x'),
    cost,
    gpujsOnly: true,
    twin: async (ops) => () => reference(ops, hostInputs(shapes)),
    async prepare(ops) {
      const inputs = hostInputs(shapes).map((tensor) => ops.upload(tensor) as GpuTensor)
      return () => run(inputs)
    },
  }
}

const hostInputs = (shapes: readonly Shape[]) => shapes.map((shape, seed) => numbers(shape, seed, 0.5))

type Reference = (ops: Backend, inputs: Tensor[]) => Promise<DeviceTensor>

const linear: Reference = async (ops, [x, weight, bias]) =>
  ops.linear(ops.upload(x), await ops.prepareLinear(sourceOf('weight', weight), sourceOf('bias', bias)))

const normed: Reference = async (ops, [x, weight, bias]) =>
  ops.layerNorm(
    ops.upload(x),
    await ops.prepareNorm(sourceOf('weight', weight), sourceOf('bias', bias)),
    1e-5,
  )

const centred: Reference = (ops, [x]) => ops.center(ops.upload(x))
const softened: Reference = (ops, [x]) => ops.softmax(ops.upload(x))

function oneKernel(
  work: string,
  cost: Case['cost'],
  kernel: Kernel,
  launch: Launch,
  shapes: readonly Shape[],
  reference: Reference,
): Case {
  return several(work, cost, shapes, (inputs) => inputs[0].device.run(kernel, launch, ...inputs), reference)
}

/** From dense features on the device, 60 of a row's 24,576 positive, to the list of them in host memory. */
function readActive(
  tokens: number,
  work: string,
  read: (dense: GpuTensor) => ReturnType<typeof fetchActive>,
): Case {
  const size = tokens * features
  return {
    work,
    shape: `${tokens}x${features}`,
    cost: { flops: 0, bytes: 4 * size },
    gpujsOnly: true,
    twin: async () => async () => positiveEntries(activeFeatures(tokens)),
    async prepare(ops) {
      const dense = activeFeatures(tokens)
      const zero = ops.upload(numbers([features], 1, 0))
      const onDevice = (await ops.add(ops.upload(dense), zero)) as GpuTensor
      return () => read(onDevice)
    },
  }
}

function activeFeatures(tokens: number): Tensor {
  const { shape, data } = numbers([tokens, features], 1, 1, -1 + 120 / features)
  return new Tensor(
    shape,
    data.map((value) => Math.max(0, value)),
  )
}
