// The specification as a backend: every op as plain loops.
import type { DeviceTensor, Encoder, Linear, Norm, RowCache, Table } from '../backend.ts'
import * as check from '../checks.ts'
import type { Differentiable } from '../backward.ts'
import { scaleEntries } from '../sparse.ts'
import { Tensor, matrixShape } from '../tensor.ts'
import { readTensor } from '../weights/weights.ts'
import { add, subtract } from './add.ts'
import { append } from './append.ts'
import { attentionMix, attentionPattern } from './attention.ts'
import { referenceBackward } from './backward.ts'
import { center } from './center.ts'
import { crossEntropy } from './cross-entropy.ts'
import { embed } from './embed.ts'
import { geluErf } from './gelu-erf.ts'
import { gelu } from './gelu.ts'
import { klDivergence } from './kl-divergence.ts'
import { layerNorm } from './layer-norm.ts'
import { linear } from './linear.ts'
import { meanRows } from './mean-rows.ts'
import { preActivations } from './pre-activations.ts'
import type {
  ReferenceCache,
  ReferenceEncoder,
  ReferenceLinear,
  ReferenceNorm,
  ReferenceTable,
} from './prepared.ts'
import { relu } from './relu.ts'
import { softmax } from './softmax.ts'
import { sparseDecode } from './sparse-decode.ts'
import { sparseEncode } from './sparse-encode.ts'
import { takeRows } from './take-rows.ts'
import { topK } from './top-k.ts'

/** The numbers of a tensor that this backend made or was given. */
function host(op: string, x: DeviceTensor): Tensor {
  if (x instanceof Tensor) return x
  throw check.foreignTensor(op, 'reference', x)
}

/** The weights, or the cache, that this backend made: its own keep their numbers in host memory. */
function prepared<T>(op: string, resource: Linear | Encoder | Table | Norm | RowCache): T {
  const { layer, weight, rows } = resource as {
    layer?: { weight?: unknown }
    weight?: unknown
    rows?: unknown
  }
  if (layer?.weight instanceof Tensor || weight instanceof Tensor || rows instanceof Tensor)
    return resource as T
  throw check.foreignWeights(op, 'reference')
}

/** The specification as a backend: plain loops in host memory, sums in float64, results in float32. */
export function createReferenceBackend(): Differentiable {
  const backend: Differentiable = {
    name: 'reference',
    mode: 'plain loops, float64 sums, 1 thread',
    backward: referenceBackward(host, prepared),

    upload: (tensor) => tensor,
    download: async (x) => host('download', x),
    reshape(x, shape) {
      check.checkReshape(x, shape)
      return host('reshape', x).reshape(shape)
    },
    scope: (work) => work(backend), // the garbage collector frees what nobody holds
    release() {},
    async dispose() {},

    async prepareLinear(weight, bias, { transposed } = { transposed: false }): Promise<ReferenceLinear> {
      const [inputs, outputs] = check.checkPrepareLinear(weight.shape, bias?.shape, transposed)
      return {
        in: inputs,
        out: outputs,
        hasBias: bias !== undefined,
        transposed,
        weight: await readTensor(weight),
        bias: bias ? await readTensor(bias) : Tensor.zeros([outputs]),
      }
    },
    async prepareEncoder(weight, bias, selection = { keep: 'positive' }): Promise<ReferenceEncoder> {
      check.checkPrepareEncoder(weight.shape, bias.shape, selection)
      const layer = await this.prepareLinear(weight, bias)
      return {
        in: layer.in,
        out: layer.out,
        keep: selection.keep,
        layer: prepared('prepareEncoder', layer),
        threshold: selection.keep === 'above' ? await readTensor(selection.threshold) : undefined,
        k: selection.keep === 'largest' ? selection.k : undefined,
      }
    },
    async prepareTable(weight): Promise<ReferenceTable> {
      const [rows, width] = matrixShape('prepareTable', weight.shape)
      return { rows, width, weight: await readTensor(weight) }
    },
    async prepareNorm(weight, bias): Promise<ReferenceNorm> {
      check.checkPrepareNorm(weight.shape, bias.shape)
      return { weight: await readTensor(weight), bias: await readTensor(bias) }
    },
    createCache: (capacity, width): ReferenceCache => ({
      capacity,
      width,
      length: 0,
      rows: Tensor.zeros([capacity, width]),
    }),

    async embed(table, ids) {
      check.checkIds('embed', ids, 'rows' in table ? table.rows : table.out)
      return embed(prepared<ReferenceTable | ReferenceLinear>('embed', table), ids)
    },
    async layerNorm(x, norm, eps) {
      check.checkLayerNorm(x, norm)
      return layerNorm(host('layerNorm', x), prepared<ReferenceNorm>('layerNorm', norm), eps)
    },
    async linear(x, layer, { activation, residual } = {}) {
      check.checkLinear(x, layer, residual)
      return linear(
        host('linear', x),
        prepared<ReferenceLinear>('linear', layer),
        activation,
        residual && host('linear', residual),
      )
    },
    async attention(q, k, v, heads, texts, scale) {
      const size = check.checkAttention(q, k, v, heads, texts)
      return attentionMix(
        attentionPattern(host('attention', q), host('attention', k), size, texts, scale),
        host('attention', v),
        size,
        texts,
      )
    },
    async attentionPattern(q, k, heads, texts, scale) {
      const size = check.checkPattern('attentionPattern', q, k, heads, texts)
      return attentionPattern(host('attentionPattern', q), host('attentionPattern', k), size, texts, scale)
    },
    async attentionMix(pattern, v, heads, texts) {
      const size = check.checkMix(pattern, v, heads, texts)
      return attentionMix(host('attentionMix', pattern), host('attentionMix', v), size, texts)
    },
    async append(cache, rows) {
      check.checkAppend(cache, rows)
      return append(prepared<ReferenceCache>('append', cache), host('append', rows))
    },
    async add(a, b) {
      check.checkElementwise('add', a, b)
      return add(host('add', a), host('add', b))
    },
    async subtract(a, b) {
      check.checkElementwise('subtract', a, b)
      return subtract(host('subtract', a), host('subtract', b))
    },
    gelu: async (x) => gelu(host('gelu', x)),
    geluErf: async (x) => geluErf(host('geluErf', x)),
    relu: async (x) => relu(host('relu', x)),
    async center(x) {
      matrixShape('center', x.shape)
      return center(host('center', x))
    },
    async softmax(x) {
      matrixShape('softmax', x.shape)
      return softmax(host('softmax', x))
    },
    async crossEntropy(x, targets) {
      check.checkCrossEntropy(x, targets)
      return crossEntropy(host('crossEntropy', x), targets)
    },
    async klDivergence(a, b) {
      check.checkKlDivergence(a, b)
      return klDivergence(host('klDivergence', a), host('klDivergence', b))
    },
    async takeRows(x, indices) {
      check.checkIds('takeRows', indices, matrixShape('takeRows', x.shape)[0])
      return takeRows(host('takeRows', x), indices)
    },
    async meanRows(x, lengths) {
      check.checkMeanRows(x, lengths)
      return meanRows(host('meanRows', x), lengths)
    },
    async topK(x, k) {
      check.checkTopK(x, k)
      return topK(host('topK', x), k)
    },
    async sparseEncode(x, encoder) {
      check.checkLinear(x, encoder, undefined, 'sparseEncode')
      return sparseEncode(host('sparseEncode', x), prepared<ReferenceEncoder>('sparseEncode', encoder))
    },
    async preActivations(x, encoder) {
      check.checkLinear(x, encoder, undefined, 'preActivations')
      return preActivations(host('preActivations', x), prepared<ReferenceEncoder>('preActivations', encoder))
    },
    scaleEntries: async (x, factor) => scaleEntries(x, factor),
    async sparseDecode(x, table, bias) {
      check.checkSparseDecode(x, table, bias)
      return sparseDecode(x, prepared<ReferenceTable>('sparseDecode', table), host('sparseDecode', bias))
    },
  }
  return backend
}
