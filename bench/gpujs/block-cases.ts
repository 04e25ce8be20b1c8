import type { Backend, DeviceTensor, TextSpan } from '../../engine/backend.ts'
import { highestScore, probability, totalWeight } from '../../engine/gpujs/attention.ts'
import { rowMean } from '../../engine/gpujs/center.ts'
import { bend } from '../../engine/gpujs/gelu.ts'
import type { Cube, Kernel, Matrix, Row, Thread } from '../../engine/gpujs/kernel.ts'
import { normalized, rowDeviation } from '../../engine/gpujs/layer-norm.ts'
import { productNaive } from '../../engine/gpujs/linear.ts'
import { loadGpuJs, type GpuJs, type Mode } from '../../engine/gpujs/modes.ts'
import { sum } from '../../engine/gpujs/add.ts'
import { GpuTensor, flatten } from '../../engine/gpujs/tensor.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { numbers } from '../numbers.ts'
import type { Case } from './case.ts'

/** GPT-2 small's sizes. */
const [dModel, dMlp, heads, dHead, eps] = [768, 3072, 12, 64, 1e-5]

/** One transformer block, op by op through the backend, and as one plan of gpu.js's createPipeline. */
export function blockCases(tokens: number): Case[] {
  const weights = 4 * dModel * dModel + 2 * dModel * dMlp
  const shared = {
    shape: `${tokens}x${dModel}`,
    cost: {
      flops: 2 * tokens * weights + 4 * tokens * tokens * dModel,
      bytes: 4 * (weights + 2 * tokens * dModel),
    },
  }
  const opByOp: Case['prepare'] = async (ops) => {
    const layers = await prepareLayers(ops)
    const x = ops.upload(numbers([tokens, dModel], 1))
    return async (ops) => block(ops, x, layers, [{ queries: tokens, keys: tokens }])
  }
  return [
    { ...shared, work: 'block, op by op', prepare: opByOp },
    {
      ...shared,
      work: 'block, one createPipeline plan',
      gpujsOnly: true,
      twin: opByOp,
      async prepare(ops) {
        const x = numbers([tokens, dModel], 1)
        const { device } = ops.upload(x) as GpuTensor
        const plan = await planBlock(device.mode, tokens)
        return async () => new GpuTensor(device, x.shape, flatten(await plan(x), x.shape))
      },
    },
  ]
}

/** Layers by name, their weights from a formula; q, k, v and two projections, two norms. */
const shapes = {
  q: [dModel, dModel],
  k: [dModel, dModel],
  v: [dModel, dModel],
  z: [dModel, dModel],
  up: [dModel, dMlp],
  down: [dMlp, dModel],
}
type LayerName = keyof typeof shapes
const names = Object.keys(shapes) as LayerName[]
const weightOf = (name: LayerName): Tensor => numbers(shapes[name], 10 + names.indexOf(name), 0.05)
const biasOf = (name: LayerName): Tensor => numbers([shapes[name][1]], 20 + names.indexOf(name), 0.1)
const [scale, shift] = [numbers([dModel], 30, 0.3, 1), numbers([dModel], 31, 0.1)] // of both norms

async function prepareLayers(ops: Backend) {
  const layer = (name: LayerName) =>
    ops.prepareLinear(sourceOf(name, weightOf(name)), sourceOf(name, biasOf(name)))
  return {
    norm: await ops.prepareNorm(sourceOf('scale', scale), sourceOf('shift', shift)),
    q: await layer('q'),
    k: await layer('k'),
    v: await layer('v'),
    z: await layer('z'),
    up: await layer('up'),
    down: await layer('down'),
  }
}

async function block(
  ops: Backend,
  x: DeviceTensor,
  { norm, q, k, v, z, up, down }: Awaited<ReturnType<typeof prepareLayers>>,
  texts: readonly TextSpan[],
): Promise<DeviceTensor> {
  const h = await ops.layerNorm(x, norm, eps)
  const [queries, keys, values] = [await ops.linear(h, q), await ops.linear(h, k), await ops.linear(h, v)]
  const mixed = await ops.attention(queries, keys, values, heads, texts)
  const middle = await ops.linear(mixed, z, { residual: x })
  const hidden = await ops.linear(await ops.layerNorm(middle, norm, eps), up, { activation: 'gelu' })
  return ops.linear(hidden, down, { residual: middle })
}

/** Attention on [token][column] matrices: in a plan a result cannot be looked at under another shape. */
function flatScores(this: Thread<'dHead'>, q: Matrix, k: Matrix, visible: Row): number {
  if (this.thread.x >= visible[this.thread.y]) return 0
  const from = this.thread.z * this.constants.dHead
  let dot = 0
  for (let i = 0; i < this.constants.dHead; i++)
    dot += q[this.thread.y][from + i] * k[this.thread.x][from + i]
  return dot / Math.sqrt(this.constants.dHead)
}

/** Half a column's step keeps the quotient off whole numbers, where a GPU's division could fall on the wrong side. */
function flatMix(this: Thread<'dHead'>, pattern: Cube, v: Matrix, visible: Row): number {
  const head = Math.floor((this.thread.x + 0.5) / this.constants.dHead)
  let total = 0
  for (let key = 0; key < visible[this.thread.y]; key += 1)
    total += pattern[head][this.thread.y][key] * v[key][this.thread.x]
  return total
}

/** Stands for a result while gpu.js records which kernel is called with what. */
type Handle = object
type Recorded = (...inputs: unknown[]) => Handle
interface Planner {
  createKernel(kernel: Kernel, settings: Readonly<Record<string, unknown>>): Recorded
  createPipeline(record: (x: Handle) => Handle): {
    (x: unknown): Promise<unknown>
    readonly backend: string | null
    readonly fallbackReason: string | null
  }
}

/** Compiles the block into one plan: x goes in, the result comes out, nothing leaves the device between. */
async function planBlock(mode: Mode, tokens: number): Promise<(x: Tensor) => Promise<unknown>> {
  const gpujs = await loadGpuJs()
  const gpu = new gpujs.GPU({ mode }) as unknown as Planner
  const flat = ({ shape, data }: Tensor) => gpujs.input(data, [...shape].reverse())
  const plan = gpu.createPipeline(recordBlock(gpu, gpujs, tokens, flat))
  return async (x) => {
    const result = await plan(flat(x))
    // gpu.js calls both WebGLs `gpu`; the backend that this runs beside has made sure which one it is.
    if (plan.backend !== (mode === 'webgl2' ? 'gpu' : mode))
      throw new Error(`createPipeline on ${mode}: ran as ${plan.backend}: ${plan.fallbackReason}`)
    return result
  }
}

function recordBlock(gpu: Planner, gpujs: GpuJs, tokens: number, flat: (tensor: Tensor) => unknown) {
  const kernel = (fn: Kernel, output: number[], constants: Record<string, number> = {}) =>
    gpu.createKernel(fn, {
      output,
      constants,
      precision: 'single',
      tactic: 'precision',
      loopMaxIterations: 2 ** 22,
    })
  const pattern = [tokens, tokens, heads]
  const [mean, deviation] = [
    kernel(rowMean, [tokens], { width: dModel }),
    kernel(rowDeviation, [tokens], { width: dModel, eps }),
  ]
  const norm = kernel(normalized, [dModel, tokens])
  const score = kernel(flatScores, pattern, { dHead })
  const highest = kernel(highestScore, [tokens, heads])
  const total = kernel(totalWeight, [tokens, heads])
  const weigh = kernel(probability, pattern)
  const mix = kernel(flatMix, [dModel, tokens], { dHead })
  const add = kernel(sum, [dModel, tokens])
  const gelu = kernel(bend, [dMlp, tokens])
  const visible = gpujs.input(
    Float32Array.from({ length: tokens }, (_, t) => t + 1),
    [tokens],
  )
  const [weight, bias] = [flat(scale), flat(shift)]
  const layers = Object.fromEntries(
    names.map((name) => {
      const [inputs, outputs] = shapes[name]
      const product = kernel(productNaive, [outputs, tokens], { first: 0, rows: inputs })
      const given = [flat(weightOf(name)), flat(biasOf(name))]
      return [name, (x: Handle) => product(x, ...given)]
    }),
  ) as Record<LayerName, (x: Handle) => Handle>
  const layerNorm = (x: Handle) => {
    const m = mean(x)
    return norm(x, m, deviation(x, m), weight, bias)
  }
  return (x: Handle): Handle => {
    const h = layerNorm(x)
    const scores = score(layers.q(h), layers.k(h), visible)
    const most = highest(scores, visible)
    const weights = weigh(scores, most, total(scores, most, visible), visible)
    const middle = add(layers.z(mix(weights, layers.v(h), visible)), x)
    return add(layers.down(gelu(layers.up(layerNorm(middle)))), middle)
  }
}
