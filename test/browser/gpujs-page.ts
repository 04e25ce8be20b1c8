// Runs in the browser: what gpujs.test.ts asks for, on one gpu.js mode.
import { memory, type GpuMemory } from './gpu-memory.ts'
import type { Backend } from '../../engine/backend.ts'
import { memorySource } from '../../engine/weights/bytes.ts'
import { createGpuJsBackend } from '../../engine/gpujs/backend.ts'
import type { DeviceOptions } from '../../engine/gpujs/device.ts'
import type { Mode } from '../../engine/gpujs/modes.ts'
import { openSafetensors, type SafetensorsStore } from '../../engine/weights/safetensors.ts'
import { toDense } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { readTensor, sourceOf } from '../../engine/weights/weights.ts'
import { encodeStream } from '../../experiments/lab/models/features.ts'
import { parseConfig } from '../../gpt2/config.ts'
import { capture, loadGpt2, releaseGpt2, run, type Gpt2 } from '../../gpt2/model.ts'
import { parseSaeConfig } from '../../sae/config.ts'
import { loadSae, releaseSae } from '../../sae/weights.ts'
import { checkOp, checkSameBits } from '../helpers/compare.ts'
import { hostOps } from '../helpers/host-ops.ts'
import { naiveLinear } from '../helpers/naive.ts'
import { randomTensor } from '../helpers/random.ts'
import { checkSpecials } from '../helpers/special-cases.ts'
import { opCases } from './op-cases.ts'

let started: Promise<Backend> | undefined

/** Starts the backend of this page, and says what really runs. */
export async function start(
  mode: Mode,
  options: DeviceOptions = {},
): Promise<{ name: string; mode: string }> {
  started = createGpuJsBackend(mode, options)
  const { name, mode: running } = await started
  return { name, mode: running }
}

function backend(): Promise<Backend> {
  if (!started) throw new Error('the page was asked to compute before start()')
  return started
}

/** Holds one op to the reference over random shapes. @throws where they differ */
export async function checkCase(name: string): Promise<void> {
  await opCases[name](await backend())
}

/** Holds one op on NaN and infinities to the reference. @throws where they differ */
export async function checkSpecialCase(name: string): Promise<void> {
  await checkSpecials(await backend(), name, { gpu: true })
}

/** Products and features that are larger than 1 MB against the reference; weights are smaller. @throws where they differ */
export async function checkLargeResults(): Promise<void> {
  const ops = await backend()
  const x = randomTensor([300, 64], 1)
  const layer = { weight: randomTensor([64, 1000], 2, 0.2), bias: randomTensor([1000], 3, 1, -2) }
  const options = { activation: 'gelu', residual: randomTensor([300, 1000], 4) } as const
  await checkOp(ops, (host) => host.linear(x, layer, options), naiveLinear(x, layer, options))
  await checkOp(
    ops,
    async (host) => toDense(await host.sparseEncode(x, layer)),
    naiveLinear(x, layer, { activation: 'relu' }),
  )
  // On the GPU before it is cut: a result of an op, not an upload.
  await ops.scope(async (ops) => {
    const doubled = await ops.add(ops.upload(x), ops.upload(x))
    const prepared = await ops.prepareLinear(sourceOf('weight', layer.weight), sourceOf('bias', layer.bias))
    const got = await ops.download(await ops.linear(doubled, prepared))
    const twice = new Tensor(
      x.shape,
      x.data.map((value) => 2 * value),
    )
    checkSameBits(got, await hostOps(ops).linear(twice, layer))
    ops.release(prepared)
  })
}

/** What a kernel says that would need more than the GPU binds at once. */
export async function tooLarge(): Promise<string> {
  const x = Tensor.zeros([300, 1000])
  return hostOps(await backend())
    .gelu(x)
    .then(
      () => 'it ran',
      (error: Error) => error.message,
    )
}

async function fetchText(path: string): Promise<string> {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response.text()
}

async function fetchStore(path: string): Promise<SafetensorsStore> {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return openSafetensors(memorySource(path, new Uint8Array(await response.arrayBuffer())))
}

async function loadTiny(ops: Backend): Promise<Gpt2> {
  const config = parseConfig(await fetchText('/gpt2/tiny/config.json'))
  return loadGpt2(ops, await fetchStore('/gpt2/tiny/model.safetensors'), config)
}

function largestDifference(got: Float32Array, expected: Float32Array): number {
  if (got.length !== expected.length) throw new Error(`${got.length} numbers, expected ${expected.length}`)
  return got.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0)
}

const hooks = Array.from({ length: 6 }, (_, layer) => `blocks.${layer}.hook_resid_pre`)

export interface TinyErrors {
  /** The largest difference from float64. */
  readonly logits: number
  readonly streams: number
  readonly features: number
  /** Features active on one side only although float64's value is above 1e-4. */
  readonly wronglyInactive: number
  readonly wronglyActive: number
}

/** The bundled model and its SAEs on one prompt, against float64. `tokens`: how many of the prompt's, at most. */
export async function tinyErrors(prompt: number, tokens = Infinity): Promise<TinyErrors> {
  const ops = await backend()
  const model = await loadTiny(ops)
  const reference = await fetchStore('/test/reference/tiny/reference.safetensors')
  const expected = (name: string) => readTensor(reference.get(`prompt.${prompt}.${name}`))
  const ids = (await reference.readIntegers(`prompt.${prompt}.tokens`)).slice(0, tokens)
  const got = await capture(model, [ids], [...hooks, 'logits'])
  const errors = { logits: 0, streams: 0, features: 0, wronglyInactive: 0, wronglyActive: 0 }
  errors.logits = largestDifference(
    got.get('logits')!.data,
    (await expected('logits')).rows(0, ids.length).data,
  )
  for (const [layer, hook] of hooks.entries()) {
    const stream = got.get(hook)!
    const raw = (await expected(`resid_pre.${layer}.raw`)).rows(0, ids.length)
    errors.streams = Math.max(errors.streams, largestDifference(stream.data, raw.data))
    const config = parseSaeConfig(await fetchText(`/sae/tiny/${hook}/cfg.json`))
    const sae = await loadSae(ops, await fetchStore(`/sae/tiny/${hook}/sae_weights.safetensors`), config)
    const features = toDense(await encodeStream(ops, sae, stream))
    const active = (await expected(`sae.${layer}.acts`)).rows(0, ids.length)
    errors.features = Math.max(errors.features, largestDifference(features.data, active.data))
    for (const [i, value] of active.data.entries()) {
      if (value > 1e-4 && features.data[i] <= 0) errors.wronglyInactive++
      if (value === 0 && features.data[i] > 1e-4) errors.wronglyActive++
    }
    releaseSae(sae)
  }
  releaseGpt2(model)
  return errors
}

/** What the GPU holds after `rounds` forward passes of the bundled model, each part of them counted. */
export async function memoryOverForwards(rounds: number): Promise<GpuMemory[]> {
  const ops = await backend()
  const model = await loadTiny(ops)
  const held: GpuMemory[] = []
  const ids = [4096, 67]
  for (let round = 0; round < rounds; round++) {
    await run(model, [ids], { logits: async (x, ops) => void (await ops.download(x)) })
    held.push({ ...memory })
  }
  releaseGpt2(model)
  return held
}

export function gpuMemory(): GpuMemory {
  return { ...memory }
}

/** What the GPU still holds once the backend is gone; weights and a tensor were not released before. */
export async function memoryAfterDispose(): Promise<GpuMemory> {
  const ops = await backend()
  await loadTiny(ops)
  await ops.gelu(ops.upload(Tensor.zeros([3, 5])))
  await ops.dispose()
  return { ...memory }
}
