// The specification as a backend: every op as plain loops.
import type { Backend, DeviceTensor } from '../backend.ts'
import * as check from '../checks.ts'
import { Tensor, matrixShape } from '../tensor.ts'
import { readTensor } from '../weights/weights.ts'
import { add, subtract } from './add.ts'
import { append } from './append.ts'
import { attentionMix, attentionPattern } from './attention.ts'
import { center } from './center.ts'
import { embed } from './embed.ts'
import { gelu } from './gelu.ts'
import { layerNorm } from './layer-norm.ts'
import { linear } from './linear.ts'
import { meanRows } from './mean-rows.ts'
import type { ReferenceCache, ReferenceLinear, ReferenceNorm, ReferenceTable } from './prepared.ts'
import { softmax } from './softmax.ts'
import { sparseDecode } from './sparse-decode.ts'
import { sparseEncode } from './sparse-encode.ts'
import { takeRows } from './take-rows.ts'
import { topK } from './top-k.ts'

/** The numbers of a tensor that this backend made or was given. */
function host(x: DeviceTensor): Tensor {
  if (x instanceof Tensor) return x
  throw check.foreignTensor('reference', x)
}

/** The specification as a backend: plain loops in host memory, sums in float64, results in float32. */
export function createReferenceBackend(): Backend {
  const backend: Backend = {
    name: 'reference',
    mode: 'plain loops, float64 sums, 1 thread',

    upload: (tensor) => tensor,
    download: async (x) => host(x),
    reshape(x, shape) {
      check.checkReshape(x, shape)
      return host(x).reshape(shape)
    },
    scope: (work) => work(backend), // the garbage collector frees what nobody holds
    release() {},
    async dispose() {},

    async prepareLinear(weight, bias, { transposed } = { transposed: false }): Promise<ReferenceLinear> {
      const [inputs, outputs] = check.checkPrepareLinear(weight.shape, bias?.shape, transposed)
      return {
        in: inputs,
        out: outputs,
        transposed,
        weight: await readTensor(weight),
        bias: bias ? await readTensor(bias) : Tensor.zeros([outputs]),
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
      return embed(table as ReferenceTable | ReferenceLinear, ids)
    },
    async layerNorm(x, norm, eps) {
      check.checkLayerNorm(x, norm)
      return layerNorm(host(x), norm as ReferenceNorm, eps)
    },
    async linear(x, layer, { activation, residual } = {}) {
      check.checkLinear(x, layer, residual)
      return linear(host(x), layer as ReferenceLinear, activation, residual && host(residual))
    },
    async attention(q, k, v, heads, texts) {
      const size = check.checkAttention(q, k, v, heads, texts)
      return attentionMix(attentionPattern(host(q), host(k), size, texts), host(v), size, texts)
    },
    async attentionPattern(q, k, heads, texts) {
      const size = check.checkPattern('attentionPattern', q, k, heads, texts)
      return attentionPattern(host(q), host(k), size, texts)
    },
    async attentionMix(pattern, v, heads, texts) {
      const size = check.checkMix(pattern, v, heads, texts)
      return attentionMix(host(pattern), host(v), size, texts)
    },
    async append(cache, rows) {
      check.checkAppend(cache, rows)
      return append(cache as ReferenceCache, host(rows))
    },
    async add(a, b) {
      check.checkElementwise('add', a, b)
      return add(host(a), host(b))
    },
    async subtract(a, b) {
      check.checkElementwise('subtract', a, b)
      return subtract(host(a), host(b))
    },
    gelu: async (x) => gelu(host(x)),
    async center(x) {
      matrixShape('center', x.shape)
      return center(host(x))
    },
    async softmax(x) {
      matrixShape('softmax', x.shape)
      return softmax(host(x))
    },
    async takeRows(x, indices) {
      check.checkIds('takeRows', indices, matrixShape('takeRows', x.shape)[0])
      return takeRows(host(x), indices)
    },
    async meanRows(x, lengths) {
      check.checkMeanRows(x, lengths)
      return meanRows(host(x), lengths)
    },
    async topK(x, k) {
      check.checkTopK(x, k)
      return topK(host(x), k)
    },
    async sparseEncode(x, layer) {
      check.checkLinear(x, layer, undefined, 'sparseEncode')
      return sparseEncode(host(x), layer as ReferenceLinear)
    },
    async sparseDecode(x, table, bias) {
      check.checkSparseDecode(x, table, bias)
      return sparseDecode(x, table as ReferenceTable, host(bias))
    },
  }
  return backend
}
