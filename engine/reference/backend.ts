import type {
  Activation,
  Backend,
  DeviceTensor,
  Linear,
  Norm,
  RowCache,
  Table,
  TextSpan,
} from '../backend.ts'
import * as check from '../checks.ts'
import type { SparseRows } from '../sparse.ts'
import { Tensor, matrixShape, showShape, type Shape } from '../tensor.ts'
import { readTensor, type WeightSource } from '../weights.ts'
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

/** The specification as a backend: plain loops in host memory, sums in float64, results in float32. */
export function createReferenceBackend(): Backend {
  return new ReferenceBackend()
}

/** The numbers of a tensor this backend made or uploaded. */
function host(op: string, x: DeviceTensor): Tensor {
  if (x instanceof Tensor) return x
  throw new Error(`${op}: the tensor ${showShape(x.shape)} lives on another backend; download it first`)
}

class ReferenceBackend implements Backend {
  readonly name = 'reference'
  readonly mode = 'plain loops, float64 sums, 1 thread'

  upload(tensor: Tensor): Tensor {
    return tensor
  }

  async download(x: DeviceTensor): Promise<Tensor> {
    return host('download', x)
  }

  reshape(x: DeviceTensor, shape: Shape): Tensor {
    check.checkReshape(x, shape)
    return host('reshape', x).reshape(shape)
  }

  async scope<T extends DeviceTensor | readonly DeviceTensor[] | void>(
    work: (ops: Backend) => Promise<T>,
  ): Promise<T> {
    return work(this)
  }

  async prepareLinear(
    weight: WeightSource,
    bias?: WeightSource,
    { transposed } = { transposed: false },
  ): Promise<ReferenceLinear> {
    const [inputs, outputs] = check.checkPrepareLinear(weight.shape, bias?.shape, transposed)
    return {
      in: inputs,
      out: outputs,
      transposed,
      weight: await readTensor(weight),
      bias: bias ? await readTensor(bias) : Tensor.zeros([outputs]),
    }
  }

  async prepareTable(weight: WeightSource): Promise<ReferenceTable> {
    const [rows, width] = matrixShape('prepareTable', weight.shape)
    return { rows, width, weight: await readTensor(weight) }
  }

  async prepareNorm(weight: WeightSource, bias: WeightSource): Promise<ReferenceNorm> {
    check.checkPrepareNorm(weight.shape, bias.shape)
    return { weight: await readTensor(weight), bias: await readTensor(bias) }
  }

  createCache(capacity: number, width: number): ReferenceCache {
    return { capacity, width, length: 0, rows: Tensor.zeros([capacity, width]) }
  }

  release(): void {} // the garbage collector frees host memory

  async embed(table: Table | Linear, ids: readonly number[]): Promise<Tensor> {
    check.checkIds('embed', ids, 'rows' in table ? table.rows : table.out)
    return embed(table as ReferenceTable | ReferenceLinear, ids)
  }

  async layerNorm(x: DeviceTensor, norm: Norm, eps: number): Promise<Tensor> {
    check.checkLayerNorm(x, norm)
    return layerNorm(host('layerNorm', x), norm as ReferenceNorm, eps)
  }

  async linear(
    x: DeviceTensor,
    layer: Linear,
    options: { activation?: Activation; residual?: DeviceTensor } = {},
  ): Promise<Tensor> {
    check.checkLinear(x, layer, options.residual)
    const residual = options.residual && host('linear', options.residual)
    return linear(host('linear', x), layer as ReferenceLinear, options.activation, residual)
  }

  async attention(
    q: DeviceTensor,
    k: DeviceTensor,
    v: DeviceTensor,
    heads: number,
    texts: readonly TextSpan[],
  ): Promise<Tensor> {
    const size = check.checkAttention(q, k, v, heads, texts)
    const pattern = attentionPattern(host('attention', q), host('attention', k), size, texts)
    return attentionMix(pattern, host('attention', v), size, texts)
  }

  async attentionPattern(
    q: DeviceTensor,
    k: DeviceTensor,
    heads: number,
    texts: readonly TextSpan[],
  ): Promise<Tensor> {
    const size = check.checkPattern('attentionPattern', q, k, heads, texts)
    return attentionPattern(host('attentionPattern', q), host('attentionPattern', k), size, texts)
  }

  async attentionMix(
    pattern: DeviceTensor,
    v: DeviceTensor,
    heads: number,
    texts: readonly TextSpan[],
  ): Promise<Tensor> {
    const size = check.checkMix(pattern, v, heads, texts)
    return attentionMix(host('attentionMix', pattern), host('attentionMix', v), size, texts)
  }

  async append(cache: RowCache, rows: DeviceTensor): Promise<Tensor> {
    check.checkAppend(cache, rows)
    return append(cache as ReferenceCache, host('append', rows))
  }

  async add(a: DeviceTensor, b: DeviceTensor): Promise<Tensor> {
    check.checkElementwise('add', a, b)
    return add(host('add', a), host('add', b))
  }

  async subtract(a: DeviceTensor, b: DeviceTensor): Promise<Tensor> {
    check.checkElementwise('subtract', a, b)
    return subtract(host('subtract', a), host('subtract', b))
  }

  async gelu(x: DeviceTensor): Promise<Tensor> {
    return gelu(host('gelu', x))
  }

  async center(x: DeviceTensor): Promise<Tensor> {
    matrixShape('center', x.shape)
    return center(host('center', x))
  }

  async softmax(x: DeviceTensor): Promise<Tensor> {
    matrixShape('softmax', x.shape)
    return softmax(host('softmax', x))
  }

  async takeRows(x: DeviceTensor, indices: readonly number[]): Promise<Tensor> {
    const [rows] = matrixShape('takeRows', x.shape)
    check.checkIds('takeRows', indices, rows)
    return takeRows(host('takeRows', x), indices)
  }

  async meanRows(x: DeviceTensor, lengths: readonly number[]): Promise<Tensor> {
    check.checkMeanRows(x, lengths)
    return meanRows(host('meanRows', x), lengths)
  }

  async topK(x: DeviceTensor, k: number): Promise<{ values: Float32Array; indices: Uint32Array }[]> {
    check.checkTopK(x, k)
    return topK(host('topK', x), k)
  }

  async sparseEncode(x: DeviceTensor, layer: Linear): Promise<SparseRows> {
    check.checkLinear(x, layer, undefined, 'sparseEncode')
    return sparseEncode(host('sparseEncode', x), layer as ReferenceLinear)
  }

  async sparseDecode(x: SparseRows, table: Table, bias: DeviceTensor): Promise<Tensor> {
    check.checkSparseDecode(x, table, bias)
    return sparseDecode(x, table as ReferenceTable, host('sparseDecode', bias))
  }

  async dispose(): Promise<void> {}
}
