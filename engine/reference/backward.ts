// The reference backend's backward rules: plain loops in host memory.
import type { Backward, TrainedWeights, WeightGradient } from '../backward.ts'
import type { DeviceTensor, Encoder, Linear, Norm, RowCache, Table } from '../backend.ts'
import * as check from '../checks.ts'
import { Tensor } from '../tensor.ts'
import { adamW } from './adam.ts'
import { attentionMixBackward, attentionPatternBackward } from './attention-backward.ts'
import { crossEntropyBackward } from './cross-entropy-backward.ts'
import { embedBackward } from './embed-backward.ts'
import { geluErfBackward } from './gelu-erf-backward.ts'
import { geluBackward } from './gelu-backward.ts'
import { klDivergenceBackward } from './kl-divergence-backward.ts'
import { layerNormBackward } from './layer-norm-backward.ts'
import { linearBackward, linearWeightsBackward, reluBackward, sumRows } from './linear-backward.ts'
import { meanRowsBackward } from './mean-rows-backward.ts'
import { rowLengths, rowLengthsBackward } from './row-lengths.ts'
import type { ReferenceEncoder, ReferenceLinear, ReferenceNorm, ReferenceTable } from './prepared.ts'
import { softmaxBackward } from './softmax-backward.ts'
import { sparseDecodeBackward, sparseDecodeWeightsBackward } from './sparse-decode-backward.ts'
import { sparseEncodeBackward, sparseEncodeWeightsBackward } from './sparse-encode-backward.ts'
import { takeRowsBackward } from './take-rows-backward.ts'

/** `host` and `prepared` return the numbers of a backend's tensors and weights; both throw if those are another backend's. */
export function referenceBackward(
  host: (op: string, x: DeviceTensor) => Tensor,
  prepared: <T>(op: string, resource: Linear | Encoder | Table | Norm | RowCache) => T,
): Backward {
  const weightOf = (gradient: WeightGradient) => host('gradient', gradient.weight)
  const biasOf = ({ bias }: WeightGradient) => bias && host('gradient', bias)
  const matrixOf = (op: string, layer: Linear | Encoder): ReferenceLinear => {
    const own = prepared<ReferenceLinear | ReferenceEncoder>(op, layer)
    return 'layer' in own ? own.layer : own
  }
  return {
    zeros: (shape, like) => host('zeros', like).like(shape),
    async embed(dY, table, ids, gradient) {
      embedBackward(host('embed', dY), table, ids, weightOf(gradient))
    },
    async linearWeights(dY, x, gradient) {
      linearWeightsBackward(host('linear', dY), host('linear', x), weightOf(gradient), biasOf(gradient))
    },
    async sparseDecodeWeights(dY, x, gradient) {
      sparseDecodeWeightsBackward(host('sparseDecode', dY), x, weightOf(gradient))
    },
    async sparseEncodeWeights(dF, f, x, gradient) {
      sparseEncodeWeightsBackward(dF, f, host('sparseEncode', x), weightOf(gradient), biasOf(gradient))
    },
    async squares(x) {
      return host('squares', x).data.reduce((sum, value) => sum + value * value, 0)
    },
    async adamW(parameters, gradient, { mean, square }, step) {
      const [m, v] = [mean, square]
      const target = isTensor(parameters)
        ? { weight: host('adamW', parameters) }
        : 'in' in parameters
          ? matrixOf('adamW', parameters)
          : prepared<ReferenceTable | ReferenceNorm>('adamW', parameters)
      const isTurned = 'in' in parameters && matrixOf('adamW', parameters).transposed
      const turned = isTurned ? parameters.in : undefined
      adamW(target.weight, weightOf(gradient), { m: weightOf(m), v: weightOf(v) }, step, turned)
      const bias = biasOf(gradient)
      if ('bias' in target && bias) adamW(target.bias, bias, { m: biasOf(m)!, v: biasOf(v)! }, step)
    },
    write: (x, numbers) => host('write', x).data.set(numbers),
    async writeEncoder(encoder, weight, bias, scale) {
      const [layer, rows] = [
        matrixOf('writeEncoder', encoder),
        prepared<ReferenceTable>('writeEncoder', weight),
      ]
      const biases = host('writeEncoder', bias)
      for (let j = 0; j < layer.out; j++) {
        const by = scale ? scale[j] : 1
        layer.bias.data[j] = by * biases.data[j]
        for (const [i, value] of rows.weight.row(j).entries())
          layer.weight.data[i * layer.out + j] = by * value
      }
    },
    rowLengths: async (table) => rowLengths(prepared<ReferenceTable>('rowLengths', table)),
    async rowLengthsWeights(dY, table, gradient) {
      rowLengthsBackward(dY, prepared<ReferenceTable>('rowLengths', table), weightOf(gradient))
    },
    async readWeights(weights) {
      if (!('in' in weights)) {
        const { weight, bias } = prepared<ReferenceTable & Partial<ReferenceNorm>>('readWeights', weights)
        return { weight: copyOf(weight), bias: bias && copyOf(bias) }
      }
      const { weight, bias, hasBias, transposed, in: inputs, out } = matrixOf('readWeights', weights)
      const read = weight.like([inputs, out])
      for (let i = 0; i < inputs; i++)
        for (let j = 0; j < out; j++)
          read.data[i * out + j] = weight.data[transposed ? j * inputs + i : i * out + j]
      return { weight: read, bias: hasBias ? copyOf(bias) : undefined }
    },
    layerNorm: async (dY, x, norm, eps, gradient) =>
      layerNormBackward(
        host('layerNorm', dY),
        host('layerNorm', x),
        prepared<ReferenceNorm>('layerNorm', norm),
        eps,
        gradient && weightOf(gradient),
        gradient && biasOf(gradient),
      ),
    linear: async (dY, layer) => linearBackward(host('linear', dY), matrixOf('linear', layer)),
    relu: async (dY, y) => reluBackward(host('relu', dY), host('relu', y)),
    gelu: async (dY, x) => geluBackward(host('gelu', dY), host('gelu', x)),
    geluErf: async (dY, x) => geluErfBackward(host('geluErf', dY), host('geluErf', x)),
    softmax: async (dY, y) => softmaxBackward(host('softmax', dY), host('softmax', y)),
    crossEntropy: async (dY, x, targets) =>
      crossEntropyBackward(host('crossEntropy', dY), host('crossEntropy', x), targets),
    klDivergence: async (dY, a, b) =>
      klDivergenceBackward(host('klDivergence', dY), host('klDivergence', a), host('klDivergence', b)),
    async attentionPattern(dP, pattern, q, k, heads, texts, scale) {
      const size = check.checkPattern('attentionPattern', q, k, heads, texts)
      const [gradient, probabilities, queries, keys] = [dP, pattern, q, k].map((x) =>
        host('attentionPattern', x),
      )
      return attentionPatternBackward(gradient, probabilities, queries, keys, size, texts, scale)
    },
    async attentionMix(dY, pattern, v, heads, texts) {
      const size = check.checkMix(pattern, v, heads, texts)
      const [gradient, probabilities, values] = [dY, pattern, v].map((x) => host('attentionMix', x))
      return attentionMixBackward(gradient, probabilities, values, size, texts)
    },
    sumRows: async (dY) => sumRows(host('sumRows', dY)),
    takeRows: async (dY, indices, rows) => takeRowsBackward(host('takeRows', dY), indices, rows),
    meanRows: async (dY, lengths) => meanRowsBackward(host('meanRows', dY), lengths),
    sparseDecode: async (dY, x, table) =>
      sparseDecodeBackward(host('sparseDecode', dY), x, prepared<ReferenceTable>('sparseDecode', table)),
    sparseEncode: async (dF, f, encoder) => sparseEncodeBackward(dF, f, matrixOf('sparseEncode', encoder)),
  }
}

function isTensor(parameters: TrainedWeights | DeviceTensor): parameters is DeviceTensor {
  return 'shape' in parameters
}

function copyOf(x: Tensor): Tensor {
  return new Tensor(x.shape, x.data.slice())
}
