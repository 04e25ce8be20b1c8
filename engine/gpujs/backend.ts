// The ops as gpu.js kernels, in any of its modes.
import type { Backend, DeviceTensor } from '../backend.ts'
import type { Differentiable } from '../backward.ts'
import * as check from '../checks.ts'
import { freedOnFailure, runScope } from '../scope.ts'
import { scaleEntries } from '../sparse.ts'
import { matrixShape } from '../tensor.ts'
import { readTensor } from '../weights/weights.ts'
import { add, subtract } from './add.ts'
import { append } from './append.ts'
import { attentionMix, attentionPattern } from './attention.ts'
import { gpuBackward } from './backward.ts'
import { center } from './center.ts'
import { crossEntropy } from './cross-entropy.ts'
import { Device, type DeviceOptions } from './device.ts'
import { embed } from './embed.ts'
import { geluErf } from './gelu-erf.ts'
import { gelu } from './gelu.ts'
import { klDivergence } from './kl-divergence.ts'
import { layerNorm } from './layer-norm.ts'
import { linear } from './linear.ts'
import { lostNumbers } from './lost-numbers.ts'
import { meanRows } from './mean-rows.ts'
import { isGpu, type Mode } from './modes.ts'
import { preActivations } from './pre-activations.ts'
import {
  prepareEncoder,
  prepareLinear,
  prepareTable,
  type GpuCache,
  type GpuEncoder,
  type GpuLinear,
  type GpuNorm,
  type GpuTable,
} from './prepared.ts'
import { relu } from './relu.ts'
import { softmax } from './softmax.ts'
import { sparseDecode } from './sparse-decode.ts'
import { sparseEncode } from './sparse-encode.ts'
import { takeRows } from './take-rows.ts'
import { GpuTensor, freeTensor } from './tensor.ts'
import { topK } from './top-k.ts'

/**
 * Every op as gpu.js kernels, run in one of gpu.js's modes.
 * @throws with the reason if this mode cannot run here, or gpu.js runs another
 */
export async function createGpuJsBackend(mode: Mode, options: DeviceOptions = {}): Promise<Backend> {
  const device = await Device.start(mode, options)
  const running = `gpu.js, ${device.description}${isGpu(mode) ? await lostNumbers(device) : ''}`
  return backendOn(device, running, new Set())
}

/** The ops, noting every tensor they make in `made`. */
function backendOn(device: Device, running: string, made: Set<GpuTensor>): Differentiable {
  const note = (tensor: GpuTensor): GpuTensor => {
    made.add(tensor)
    return tensor
  }
  const name = `gpujs:${device.mode}`
  const own = (op: string, x: DeviceTensor): GpuTensor => {
    if (x instanceof GpuTensor && x.device === device) return x
    throw check.foreignTensor(op, name, x)
  }
  /** Other backends' resources hold no GpuTensors where this one's do. */
  const prepared = <T extends GpuResource>(op: string, resource: object): T => {
    const isForeign = (x: unknown) => !(x instanceof GpuTensor) || x.device !== device
    if (tensorsOf(resource as T).some(isForeign)) throw check.foreignWeights(op, name)
    return resource as T
  }

  return {
    name,
    mode: running,
    backward: gpuBackward(device, note, own, prepared),

    upload: (tensor) => note(device.tensor(tensor)),
    download: (x) => own('download', x).download(),
    reshape(x, shape) {
      check.checkReshape(x, shape)
      return note(own('reshape', x).reshape(shape))
    },
    scope(work) {
      const inScope = (inside: Set<GpuTensor>) => work(backendOn(device, running, inside))
      return runScope(made, (x) => own('scope', x), inScope)
    },
    release(resource) {
      if (resource instanceof GpuTensor) {
        made.delete(resource)
        resource.free()
      } else for (const tensor of tensorsOf(resource as GpuResource)) tensor.free()
    },
    dispose: () => device.dispose(),

    prepareLinear: (weight, bias, { transposed } = { transposed: false }) =>
      prepareLinear(device, weight, bias, transposed),
    prepareEncoder: (weight, bias, selection = { keep: 'positive' }) =>
      prepareEncoder(device, weight, bias, selection),
    prepareTable: (weight) => prepareTable(device, weight),
    async prepareNorm(weight, bias): Promise<GpuNorm> {
      check.checkPrepareNorm(weight.shape, bias.shape)
      return freedOnFailure(freeTensor, async (keep) => ({
        weight: keep(await device.upload(await readTensor(weight))),
        bias: await device.upload(await readTensor(bias)),
      }))
    },
    createCache: (capacity, width): GpuCache => ({ capacity, width, length: 0, rows: undefined }),

    async embed(table, ids) {
      check.checkIds('embed', ids, 'rows' in table ? table.rows : table.out)
      return note(await embed(device, prepared<GpuTable | GpuLinear>('embed', table), ids))
    },
    async layerNorm(x, norm, eps) {
      check.checkLayerNorm(x, norm)
      return note(await layerNorm(device, own('layerNorm', x), prepared<GpuNorm>('layerNorm', norm), eps))
    },
    async linear(x, layer, { activation, residual } = {}) {
      check.checkLinear(x, layer, residual)
      return note(
        await linear(
          device,
          own('linear', x),
          prepared<GpuLinear>('linear', layer),
          activation,
          residual && own('linear', residual),
        ),
      )
    },
    async attention(q, k, v, heads, texts, scale) {
      const size = check.checkAttention(q, k, v, heads, texts)
      using pattern = await attentionPattern(
        device,
        own('attention', q),
        own('attention', k),
        size,
        texts,
        scale,
      )
      return note(await attentionMix(device, pattern, own('attention', v), size, texts))
    },
    async attentionPattern(q, k, heads, texts, scale) {
      const size = check.checkPattern('attentionPattern', q, k, heads, texts)
      return note(
        await attentionPattern(
          device,
          own('attentionPattern', q),
          own('attentionPattern', k),
          size,
          texts,
          scale,
        ),
      )
    },
    async attentionMix(pattern, v, heads, texts) {
      const size = check.checkMix(pattern, v, heads, texts)
      return note(
        await attentionMix(device, own('attentionMix', pattern), own('attentionMix', v), size, texts),
      )
    },
    async append(cache, rows) {
      check.checkAppend(cache, rows)
      return note(await append(device, prepared<GpuCache>('append', cache), own('append', rows)))
    },
    async add(a, b) {
      const { broadcast } = check.checkElementwise('add', a, b)
      return note(await add(device, own('add', a), own('add', b), broadcast))
    },
    async subtract(a, b) {
      const { broadcast } = check.checkElementwise('subtract', a, b)
      return note(await subtract(device, own('subtract', a), own('subtract', b), broadcast))
    },
    gelu: async (x) => note(await gelu(device, own('gelu', x))),
    geluErf: async (x) => note(await geluErf(device, own('geluErf', x))),
    relu: async (x) => note(await relu(device, own('relu', x))),
    async center(x) {
      matrixShape('center', x.shape)
      return note(await center(device, own('center', x)))
    },
    async softmax(x) {
      matrixShape('softmax', x.shape)
      return note(await softmax(device, own('softmax', x)))
    },
    async crossEntropy(x, targets) {
      check.checkCrossEntropy(x, targets)
      return note(await crossEntropy(device, own('crossEntropy', x), targets))
    },
    async klDivergence(a, b) {
      check.checkKlDivergence(a, b)
      return note(await klDivergence(device, own('klDivergence', a), own('klDivergence', b)))
    },
    async takeRows(x, indices) {
      check.checkIds('takeRows', indices, matrixShape('takeRows', x.shape)[0])
      return note(await takeRows(device, own('takeRows', x), indices))
    },
    async meanRows(x, lengths) {
      check.checkMeanRows(x, lengths)
      return note(await meanRows(device, own('meanRows', x), lengths))
    },
    async topK(x, k) {
      check.checkTopK(x, k)
      return topK(device, own('topK', x), k)
    },
    async sparseEncode(x, encoder) {
      check.checkLinear(x, encoder, undefined, 'sparseEncode')
      return sparseEncode(device, own('sparseEncode', x), prepared<GpuEncoder>('sparseEncode', encoder))
    },
    async preActivations(x, encoder) {
      check.checkLinear(x, encoder, undefined, 'preActivations')
      const layer = prepared<GpuEncoder>('preActivations', encoder)
      return note(await preActivations(device, own('preActivations', x), layer))
    },
    scaleEntries: async (x, factor) => scaleEntries(x, factor),

    async sparseDecode(x, table, bias) {
      check.checkSparseDecode(x, table, bias)
      return note(
        await sparseDecode(device, x, prepared<GpuTable>('sparseDecode', table), own('sparseDecode', bias)),
      )
    },
  }
}

type GpuResource = GpuLinear | GpuEncoder | GpuTable | GpuNorm | GpuCache

function tensorsOf(resource: GpuResource): GpuTensor[] {
  if ('layer' in resource)
    return [...tensorsOf(resource.layer), ...(resource.threshold ? [resource.threshold] : [])]
  if ('capacity' in resource && 'rows' in resource) return resource.rows ? [resource.rows] : []
  if (!('parts' in resource)) return [resource.weight, resource.bias]
  const weights = resource.parts.map(({ weight }) => weight)
  return 'bias' in resource ? [...weights, resource.bias, resource.noBias] : weights
}
