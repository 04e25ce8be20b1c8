// The same op cut into gpu.js threads in two ways: what a better cut is worth.
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { center, centeredNaive } from '../../engine/gpujs/center.ts'
import { layerNorm, normalizedNaive } from '../../engine/gpujs/layer-norm.ts'
import { productFour, productNaive } from '../../engine/gpujs/linear.ts'
import { fetchActive } from '../../engine/gpujs/sparse-encode.ts'
import { softenedNaive, softmax } from '../../engine/gpujs/softmax.ts'
import type { Device } from '../../engine/gpujs/device.ts'
import type { GpuTensor } from '../../engine/gpujs/tensor.ts'
import { positiveEntries, type SparseRows } from '../../engine/sparse.ts'
import { Tensor, type Shape } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { numbers } from '../numbers.ts'
import { makeCase, type OpCase } from './case.ts'

const [dModel, dMlp, features] = [768, 3072, 24576]
const EPS = 1e-5

/** What made a tensor is typed as the little that a tensor needs of it. */
const deviceOf = ({ device }: GpuTensor) => device as Device

/** An op by its name, what it reads, and how the reference backend does it. */
interface VariedOp {
  readonly name: string
  readonly shape: Shape
  readonly flops?: number
  readonly moved: number // float32 numbers
  readonly inputs: readonly Shape[]
  readonly reference: (ops: Backend, inputs: readonly Tensor[]) => Promise<DeviceTensor>
}

export function kernelVariants(tokens: number): OpCase[] {
  const stream = [tokens, dModel]
  const size = tokens * dModel
  const onRows = { shape: stream, moved: 2 * size, inputs: [stream] }
  const grid = { grid: stream, constants: { width: dModel } }
  const constants = { first: 0, rows: dModel }
  return [
    ...variants(
      {
        name: 'linear',
        shape: [tokens, dModel, dMlp],
        flops: 2 * size * dMlp,
        moved: size + dModel * dMlp + tokens * dMlp,
        inputs: [stream, [dModel, dMlp], [dMlp]],
        reference: async (ops, [x, weight, bias]) =>
          ops.linear(ops.upload(x), await ops.prepareLinear(sourceOf('W', weight), sourceOf('b', bias))),
      },
      {
        'naive: one output a thread': (inputs) =>
          deviceOf(inputs[0]).run(productNaive, { grid: [tokens, dMlp], constants }, ...inputs),
        'better: four outputs a thread': (inputs) => {
          const launch = { grid: [tokens, dMlp / 4], shape: [tokens, dMlp], constants }
          return deviceOf(inputs[0]).run(productFour, launch, ...inputs)
        },
      },
    ),
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
        'better: a row is walked once': ([x, weight, bias]) =>
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

/** An op on uploaded numbers in each way of `ways`. */
function variants(
  { name, shape, flops = 0, moved, inputs, reference }: VariedOp,
  ways: Readonly<Record<string, (inputs: GpuTensor[]) => Promise<DeviceTensor>>>,
): OpCase[] {
  const onHost = () => inputs.map((shape, seed) => numbers(shape, seed, 0.5))
  return Object.entries(ways).map(([way, run]) => ({
    ...makeCase(`${name}, ${way}`, shape, flops, moved, async (ops) => {
      const uploaded = onHost().map((tensor) => ops.upload(tensor) as GpuTensor)
      return () => run(uploaded)
    }),
    gpujsOnly: true,
    twin: async (ops) => () => reference(ops, onHost()),
  }))
}

/** From dense features on the device, 60 of a row's 24,576 positive, to the list of them in host memory. */
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
