// The gpu.js backend's backward rules.
import type { Backward, WeightGradient } from '../backward.ts'
import type { DeviceTensor, Encoder, Linear } from '../backend.ts'
import * as check from '../checks.ts'
import { matrixShape, Tensor } from '../tensor.ts'
import { adamW, squares } from './adam.ts'
import { attentionMixBackward, attentionPatternBackward } from './attention-backward.ts'
import type { Device } from './device.ts'
import { gather, sortEntries } from './gather.ts'
import { geluBackward, geluErfBackward } from './gelu-backward.ts'
import { klDivergenceBackward } from './kl-divergence-backward.ts'
import { layerNormBackward } from './layer-norm-backward.ts'
import { addTo, linearBackward, linearWeightsBackward, reluBackward, sumRows } from './linear-backward.ts'
import type { GpuEncoder, GpuLinear, GpuNorm, GpuTable, Part } from './prepared.ts'
import { crossEntropyBackward, softmaxBackward } from './softmax-backward.ts'
import { rowsOfEntries, sparseDecodeBackward, sparseEncodeBackward } from './sparse-backward.ts'
import type { GpuTensor } from './tensor.ts'

/** The rules of one scope, whose tensors are told to `note`. `own` and `prepared` refuse what is another backend's. */
export function gpuBackward(
  device: Device,
  note: (tensor: GpuTensor) => GpuTensor,
  own: (op: string, x: DeviceTensor) => GpuTensor,
  prepared: <T extends GpuLinear | GpuEncoder | GpuTable | GpuNorm>(op: string, weights: object) => T,
): Backward {
  const ofGradient = (part: DeviceTensor) => own('gradient', part)
  const layerOf = (op: string, layer: Linear | Encoder): GpuLinear => {
    const found = prepared<GpuLinear | GpuEncoder>(op, layer)
    return 'layer' in found ? found.layer : found
  }
  const noteBoth = (both: [GpuTensor, GpuTensor]): [GpuTensor, GpuTensor] => [note(both[0]), note(both[1])]
  const ones = (count: number) => Array<number>(count).fill(1)
  const countTo = (count: number) => Array.from({ length: count }, (_, i) => i)

  const refuse = (rule: string): never => {
    throw new Error(`${rule}: gpujs:${device.mode} does not train SAEs; take wasm or reference`)
  }

  return {
    zeros: (shape) => note(device.tensor(Tensor.zeros(shape))),

    async embed(dY, table, ids, { weight }) {
      const [count, turned] = 'rows' in table ? [table.rows, false] : [table.out, true]
      const sorted = sortEntries(ids, countTo(ids.length), ones(ids.length), count)
      await addTo(device, ofGradient(weight), await gather(device, sorted, own('embed', dY), { turned }))
    },
    async linearWeights(dY, x, { weight, bias }) {
      const [dW, db] = [ofGradient(weight), bias && ofGradient(bias)]
      await linearWeightsBackward(device, own('linear', dY), own('linear', x), dW, db)
    },
    async sparseDecodeWeights(dY, x, { weight }) {
      const sorted = sortEntries(x.indices, rowsOfEntries(x), x.values, x.shape[1])
      await addTo(device, ofGradient(weight), await gather(device, sorted, own('sparseDecode', dY)))
    },
    async sparseEncodeWeights(dF, f, x, { weight, bias }) {
      const sorted = sortEntries(f.indices, rowsOfEntries(f), dF, f.shape[1])
      const dW = await gather(device, sorted, own('sparseEncode', x), { turned: true })
      await addTo(device, ofGradient(weight), dW)
      if (!bias) return
      const sums = new Float32Array(f.shape[1])
      for (const [entry, index] of f.indices.entries()) sums[index] += dF[entry]
      await addTo(device, ofGradient(bias), device.tensor(Tensor.of([sums.length], sums)))
    },

    squares: (x) => squares(device, own('squares', x)),

    async adamW(parameters, gradient, moments, step) {
      const move = async (part: 'weight' | 'bias', pieces: readonly Omit<Part, 'rows'>[]) => {
        const all = [gradient, moments.mean, moments.square].map((of: WeightGradient) =>
          ofGradient(of[part]!),
        )
        if (pieces.length === 1) return adamW(device, [pieces[0].weight, ...all], step)
        throw new Error(
          `adamW: gpujs:${device.mode} does not train a weight that the GPU cannot bind at once; take wasm`,
        )
      }
      const whole = (weight: GpuTensor) => [{ first: 0, weight }]
      if ('shape' in parameters) return move('weight', whole(own('adamW', parameters)))
      if ('in' in parameters) {
        const layer = layerOf('adamW', parameters)
        await move('weight', layer.parts)
        if (gradient.bias) await move('bias', whole(layer.bias))
      } else if ('rows' in parameters) await move('weight', prepared<GpuTable>('adamW', parameters).parts)
      else {
        const { weight, bias } = prepared<GpuNorm>('adamW', parameters)
        await move('weight', whole(weight))
        await move('bias', whole(bias))
      }
    },
    // What only an SAE's training asks for.
    write: () => refuse('write'),
    writeEncoder: async () => refuse('writeEncoder'),
    rowLengths: async () => refuse('rowLengths'),
    rowLengthsWeights: async () => refuse('rowLengthsWeights'),
    async readWeights(weights) {
      const read = async (tensor: GpuTensor) => {
        const { shape, data } = await tensor.download()
        return new Tensor(shape, data.slice())
      }
      if (!('rows' in weights || 'in' in weights)) {
        const { weight, bias } = prepared<GpuNorm>('readWeights', weights)
        return { weight: await read(weight), bias: await read(bias) }
      }
      const { parts, ...rest } =
        'in' in weights ? layerOf('readWeights', weights) : prepared<GpuTable>('readWeights', weights)
      const shape = 'in' in weights ? [weights.in, weights.out] : [weights.rows, weights.width]
      const all = Tensor.zeros(shape)
      for (const { first, rows, weight } of parts)
        if (shape[0] > 0) all.rows(first, first + rows).data.set((await weight.download()).data)
      return 'hasBias' in rest && rest.hasBias
        ? { weight: all, bias: await read(rest.bias) }
        : { weight: all }
    },

    async layerNorm(dY, x, norm, eps, gradient) {
      const [given, made] = [own('layerNorm', dY), own('layerNorm', x)]
      const weights = prepared<GpuNorm>('layerNorm', norm)
      const [dW, db] = gradient ? [ofGradient(gradient.weight), ofGradient(gradient.bias!)] : []
      return note(await layerNormBackward(device, given, made, weights, eps, dW, db))
    },
    linear: async (dY, layer) =>
      note(await linearBackward(device, own('linear', dY), layerOf('linear', layer))),
    relu: async (dY, y) => note(await reluBackward(device, own('relu', dY), own('relu', y))),
    gelu: async (dY, x) => note(await geluBackward(device, own('gelu', dY), own('gelu', x))),
    geluErf: async (dY, x) => note(await geluErfBackward(device, own('geluErf', dY), own('geluErf', x))),
    async softmax(dY, y) {
      const size = matrixShape('softmax', y.shape)
      return note(await softmaxBackward(device, own('softmax', dY), own('softmax', y), size))
    },
    crossEntropy: async (dY, x, targets) =>
      note(await crossEntropyBackward(device, own('crossEntropy', dY), own('crossEntropy', x), targets)),
    async klDivergence(dY, a, b) {
      const [given, left, right] = [dY, a, b].map((x) => own('klDivergence', x))
      return noteBoth(await klDivergenceBackward(device, given, left, right))
    },
    async attentionPattern(dP, pattern, q, k, heads, texts, scale) {
      const size = check.checkPattern('attentionPattern', q, k, heads, texts)
      const given = [dP, pattern, q, k].map((x) => own('attentionPattern', x))
      return noteBoth(await attentionPatternBackward(device, given, size, texts, scale))
    },
    async attentionMix(dY, pattern, v, heads, texts) {
      const size = check.checkMix(pattern, v, heads, texts)
      const given = [dY, pattern, v].map((x) => own('attentionMix', x))
      return noteBoth(await attentionMixBackward(device, given, size, texts))
    },
    sumRows: async (dY) => note(await sumRows(device, own('sumRows', dY))),
    async takeRows(dY, indices, rows) {
      const sorted = sortEntries(indices, countTo(indices.length), ones(indices.length), rows)
      return note(await gather(device, sorted, own('takeRows', dY)))
    },
    async meanRows(dY, lengths) {
      const texts = lengths.flatMap((length, text) => Array<number>(length).fill(text))
      const shares = texts.map((text) => 1 / lengths[text])
      const sorted = sortEntries(countTo(texts.length), texts, shares, texts.length)
      return note(await gather(device, sorted, own('meanRows', dY)))
    },
    sparseDecode: (dY, x, table) =>
      sparseDecodeBackward(device, own('sparseDecode', dY), x, prepared<GpuTable>('sparseDecode', table)),
    sparseEncode: async (dF, f, encoder) =>
      note(await sparseEncodeBackward(device, dF, f, layerOf('sparseEncode', encoder))),
  }
}
