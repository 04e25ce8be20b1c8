// A transformer block op by op, by the model's own code, and as one plan of gpu.js's createPipeline.
import type { Backend } from '../../engine/backend.ts'
import { sum } from '../../engine/gpujs/add.ts'
import { eachGelu, geluOf } from '../../engine/gpujs/gelu.ts'
import type { Cube, Kernel, Matrix, Row, Thread } from '../../engine/gpujs/kernel.ts'
import { productNaive } from '../../engine/gpujs/product.ts'
import { loadGpuJs, type GpuJs, type Mode } from '../../engine/gpujs/modes.ts'
import { GpuTensor, flatten } from '../../engine/gpujs/tensor.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { block } from '../../gpt2/block.ts'
import { gpt2Small } from '../../gpt2/config.ts'
import { Hooks } from '../../gpt2/hooks.ts'
import type { BlockWeights } from '../../gpt2/weights.ts'
import { numbers } from '../numbers.ts'
import { makeCase, type OpCase } from './case.ts'
import {
  centered,
  highestScore,
  normalized,
  probability,
  rowDeviation,
  rowMean,
  rowRest,
  totalWeight,
} from './earlier-kernels.ts'

const { dModel, dMlp, nHeads: heads, dHead, eps } = gpt2Small

export function blockCases(tokens: number): OpCase[] {
  const shape = [tokens, dModel]
  const weights = 4 * dModel * dModel + 2 * dModel * dMlp
  const flops = 2 * tokens * weights + 4 * tokens * tokens * dModel
  const moved = weights + 2 * tokens * dModel
  const opByOp: OpCase['prepare'] = async (ops) => {
    const weights = await prepareBlock(ops)
    const x = ops.upload(numbers(shape, 1))
    const texts = [{ queries: tokens, keys: tokens }]
    const pass = { config: gpt2Small, hooks: new Hooks({}, gpt2Small), texts }
    return (ops) => block(ops, x, weights, pass, 0)
  }
  const asPlan: OpCase['prepare'] = async (ops) => {
    const x = numbers(shape, 1)
    const { device } = ops.upload(x) as GpuTensor
    const plan = await planBlock(device.mode, tokens)
    return async () => new GpuTensor(device, shape, flatten(await plan(x), shape))
  }
  return [
    makeCase('block, op by op', shape, flops, moved, opByOp),
    {
      ...makeCase('block, one createPipeline plan', shape, flops, moved, asPlan),
      gpujsOnly: true,
      twin: opByOp,
    },
  ]
}

const shapes = {
  q: [dModel, dModel],
  k: [dModel, dModel],
  v: [dModel, dModel],
  z: [dModel, dModel], // attn.c_proj
  up: [dModel, dMlp], // mlp.c_fc
  down: [dMlp, dModel], // mlp.c_proj
}
type LayerName = keyof typeof shapes
const names = Object.keys(shapes) as LayerName[]
const weightOf = (name: LayerName): Tensor => numbers(shapes[name], 10 + names.indexOf(name), 0.05)
const biasOf = (name: LayerName): Tensor => numbers([shapes[name][1]], 20 + names.indexOf(name), 0.1)
const [scale, shift] = [numbers([dModel], 30, 0.3, 1), numbers([dModel], 31, 0.1)] // of both norms

async function prepareBlock(ops: Backend): Promise<BlockWeights> {
  const linear = (name: LayerName) =>
    ops.prepareLinear(sourceOf(name, weightOf(name)), sourceOf(name, biasOf(name)))
  const norm = await ops.prepareNorm(sourceOf('scale', scale), sourceOf('shift', shift))
  const [q, k, v, c_proj] = [await linear('q'), await linear('k'), await linear('v'), await linear('z')]
  const mlp = { c_fc: await linear('up'), c_proj: await linear('down') }
  return { ln_1: norm, attn: { q, k, v, c_proj }, ln_2: norm, mlp }
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

const settings = { precision: 'single', tactic: 'precision', loopMaxIterations: 2 ** 22 }

function recordBlock(gpu: Planner, gpujs: GpuJs, tokens: number, flat: (tensor: Tensor) => unknown) {
  const kernel = (fn: Kernel, output: number[], constants: Record<string, number> = {}) =>
    gpu.createKernel(fn, { output, constants, functions: [geluOf], ...settings })
  const pattern = [tokens, tokens, heads]
  const mean = kernel(rowMean, [tokens], { width: dModel })
  const rest = kernel(rowRest, [tokens], { width: dModel })
  const center = kernel(centered, [dModel, tokens])
  const deviation = kernel(rowDeviation, [tokens], { width: dModel, eps })
  const norm = kernel(normalized, [dModel, tokens])
  const score = kernel(flatScores, pattern, { dHead })
  const highest = kernel(highestScore, [tokens, heads])
  const total = kernel(totalWeight, [tokens, heads])
  const weigh = kernel(probability, pattern)
  const mix = kernel(flatMix, [dModel, tokens], { dHead })
  const add = kernel(sum, [dModel, tokens])
  const gelu = kernel(eachGelu, [dMlp, tokens])
  const upTo = Float32Array.from({ length: tokens }, (_, t) => t + 1)
  const visible = gpujs.input(upTo, [tokens])
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
    const c = center(x, m, rest(x, m))
    return norm(c, deviation(c), weight, bias)
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
