// The peers that compute with WebGPU, in a browser or in Node, where our backend has provided it.
import { adapterOf } from '../../engine/gpujs/modes.ts'
import type { Contestant, Prepared, Problem } from '../gpujs/race-layer.ts'
import { matmulModel } from './onnx-model.ts'

/** Each is a package of bench/peers; the races make sure that it is installed. */
export const webGpuPeers: Readonly<Record<string, () => Promise<Contestant>>> = {
  'jax-js': startJax,
  'onnxruntime-web': startOnnxruntime,
}

/** GPUBufferUsage and GPUMapMode, which TypeScript's library has only as types. */
const usage = { mapRead: 1, copySource: 4, copyTarget: 8, storage: 128 }

/** The first `count` numbers of a buffer, once all that was submitted before is done. */
async function readNumbers(device: GPUDevice, buffer: GPUBuffer, count: number): Promise<Float32Array> {
  const staging = device.createBuffer({ size: count * 4, usage: usage.mapRead + usage.copyTarget })
  const encoder = device.createCommandEncoder()
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, count * 4)
  device.queue.submit([encoder.finish()])
  await staging.mapAsync(usage.mapRead)
  const numbers = new Float32Array(staging.getMappedRange().slice(0))
  staging.destroy()
  return numbers
}

/** Both ask for the strongest adapter and do not report which they were given. */
async function adapterName(): Promise<string> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) throw new Error('there is no WebGPU adapter')
  return `WebGPU, ${adapterOf('webgpu', { adapter }).description}`
}

/** The part of @jax-js/jax used here. An operation consumes its operands; `ref` keeps one for later. */
interface Jax {
  init(device: string): Promise<string[]>
  getWebGPUDevice(): GPUDevice
  jit(compute: (x: JaxArray, weight: JaxArray, bias: JaxArray) => JaxArray): {
    (x: JaxArray, weight: JaxArray, bias: JaxArray): JaxArray
    dispose(): void
  }
  readonly nn: { relu(x: JaxArray): JaxArray }
  readonly numpy: {
    array(values: Float32Array, options: { shape: readonly number[]; device: string }): JaxArray
    matmul(a: JaxArray, b: JaxArray): JaxArray
  }
}
interface JaxArray {
  readonly ref: JaxArray
  add(other: JaxArray): JaxArray
  data(): Promise<Float32Array>
  gpuBuffer(): Promise<GPUBuffer>
  dispose(): void
}

async function startJax(): Promise<Contestant> {
  const mode = await adapterName()
  const jax = await loadPackage<Jax>('@jax-js/jax/dist/index.js')
  if (!(await jax.init('webgpu')).includes('webgpu')) throw new Error('its webgpu device did not start')
  return { mode, prepare: (problem) => prepareJax(jax, problem) }
}

async function prepareJax(jax: Jax, { x, weight, bias, relu, inputs, outputs }: Problem): Promise<Prepared> {
  const device = jax.getWebGPUDevice()
  const put = ({ shape, data }: Problem['x']) => jax.numpy.array(data, { shape, device: 'webgpu' })
  const layer = jax.jit((x, weight, bias) => {
    const sums = jax.numpy.matmul(x, weight).add(bias)
    return relu ? jax.nn.relu(sums) : sums
  })
  const operands = [put(x), put(weight), put(bias)]
  const run = () => layer(operands[0].ref, operands[1].ref, operands[2].ref)
  const oneRow = async (array: JaxArray, width: number) => {
    await readNumbers(device, await array.ref.gpuBuffer(), width)
    array.dispose()
  }
  const result = run()
  return {
    upload: () => oneRow(put(x), inputs),
    compute: () => oneRow(run(), outputs),
    readBack: () => result.ref.data(),
    release() {
      for (const array of [...operands, result]) array.dispose()
      layer.dispose()
    },
  }
}

/** The part of onnxruntime-web used here. */
interface OnnxRuntime {
  readonly env: { readonly webgpu: { readonly device: Promise<GPUDevice> } }
  readonly Tensor: {
    fromGpuBuffer(buffer: GPUBuffer, options: { dataType: 'float32'; dims: readonly number[] }): OnnxTensor
  }
  readonly InferenceSession: {
    create(model: Uint8Array, options: Record<string, unknown>): Promise<Session>
  }
}
interface OnnxTensor {
  readonly gpuBuffer: GPUBuffer
  dispose(): void
}
interface Session {
  run(feeds: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>>
  release(): Promise<void>
}

async function startOnnxruntime(): Promise<Contestant> {
  const mode = await adapterName()
  const ort = await loadPackage<OnnxRuntime>('onnxruntime-web/dist/ort.webgpu.bundle.min.mjs')
  return { mode, prepare: (problem) => prepareOnnxruntime(ort, problem) }
}

async function prepareOnnxruntime(ort: OnnxRuntime, problem: Problem): Promise<Prepared> {
  const { x, weight, bias, relu, tokens, inputs, outputs } = problem
  const model = matmulModel({ m: tokens, k: inputs, n: outputs, b: weight.data, bias: bias.data, relu })
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  })
  const device = await ort.env.webgpu.device
  const forInput = usage.storage + usage.copySource + usage.copyTarget
  const buffer = device.createBuffer({ size: x.data.byteLength, usage: forInput })
  device.queue.writeBuffer(buffer, 0, x.data)
  const input = ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: x.shape })
  const run = async () => (await session.run({ A: input })).C
  const result = await run()
  return {
    upload() {
      device.queue.writeBuffer(buffer, 0, x.data)
      return readNumbers(device, buffer, inputs)
    },
    async compute() {
      const c = await run()
      await readNumbers(device, c.gpuBuffer, outputs)
      c.dispose()
    },
    readBack: () => readNumbers(device, result.gpuBuffer, tokens * outputs),
    async release() {
      for (const tensor of [result, input]) tensor.dispose()
      buffer.destroy()
      await session.release()
    },
  }
}

async function loadPackage<T>(path: string): Promise<T> {
  return (await import(new URL(`./node_modules/${path}`, import.meta.url).href)) as T
}
