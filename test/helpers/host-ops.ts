import type { Activation, Backend, DeviceTensor, Encoder, TextSpan } from '../../engine/backend.ts'
import type { Selection } from '../../engine/selection.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'

/** y = x W + b before a backend has prepared it; weight [in, out], or [out, in] where `transposed`. */
export interface HostLinear {
  readonly weight: Tensor
  readonly bias?: Tensor
  readonly transposed?: boolean
}

/** An encoder before a backend has prepared it; weight [in, out], bias [out], zeros if left out. */
export interface HostEncoder {
  readonly weight: Tensor
  readonly bias?: Tensor
  readonly selection?: Selection
}

export type HostOps = ReturnType<typeof hostOps>

/** A backend's ops on host tensors: each call uploads, computes, downloads, and frees what it made. */
export function hostOps(ops: Backend) {
  /** Runs `work` in a scope of its own and brings its result home. */
  const compute = async (work: (ops: Backend) => Promise<DeviceTensor>): Promise<Tensor> => {
    const result = await ops.scope(work)
    const tensor = await ops.download(result)
    ops.release(result)
    return tensor
  }
  const withLinear = async <T>(
    { weight, bias, transposed = false }: HostLinear,
    work: (layer: Awaited<ReturnType<Backend['prepareLinear']>>) => Promise<T>,
  ): Promise<T> => {
    const biasSource = bias && sourceOf('bias', bias)
    const layer = await ops.prepareLinear(sourceOf('weight', weight), biasSource, { transposed })
    const result = await work(layer)
    ops.release(layer)
    return result
  }
  const withEncoder = async <T>(
    { weight, bias = Tensor.zeros([weight.shape[1]]), selection }: HostEncoder,
    work: (encoder: Encoder) => Promise<T>,
  ): Promise<T> => {
    const encoder = await ops.prepareEncoder(sourceOf('weight', weight), sourceOf('bias', bias), selection)
    const result = await work(encoder)
    ops.release(encoder)
    return result
  }
  const withTable = async <T>(
    weight: Tensor,
    work: (table: Awaited<ReturnType<Backend['prepareTable']>>) => Promise<T>,
  ): Promise<T> => {
    const table = await ops.prepareTable(sourceOf('weight', weight))
    const result = await work(table)
    ops.release(table)
    return result
  }
  type Texts = readonly TextSpan[]

  return {
    embedFromTable: (weight: Tensor, ids: readonly number[]) =>
      withTable(weight, (table) => compute((ops) => ops.embed(table, ids))),

    embedFromLinear: (layer: HostLinear, ids: readonly number[]) =>
      withLinear(layer, (layer) => compute((ops) => ops.embed(layer, ids))),

    async layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number) {
      const norm = await ops.prepareNorm(sourceOf('weight', weight), sourceOf('bias', bias))
      const result = await compute((ops) => ops.layerNorm(ops.upload(x), norm, eps))
      ops.release(norm)
      return result
    },

    linear: (x: Tensor, layer: HostLinear, options: { activation?: Activation; residual?: Tensor } = {}) =>
      withLinear(layer, (layer) =>
        compute((ops) => {
          const residual = options.residual && ops.upload(options.residual)
          return ops.linear(ops.upload(x), layer, { activation: options.activation, residual })
        }),
      ),

    attention: (q: Tensor, k: Tensor, v: Tensor, heads: number, texts: Texts, scale?: number) =>
      compute((ops) => ops.attention(ops.upload(q), ops.upload(k), ops.upload(v), heads, texts, scale)),

    attentionPattern: (q: Tensor, k: Tensor, heads: number, texts: Texts, scale?: number) =>
      compute((ops) => ops.attentionPattern(ops.upload(q), ops.upload(k), heads, texts, scale)),

    attentionMix: (pattern: Tensor, v: Tensor, heads: number, texts: Texts) =>
      compute((ops) => ops.attentionMix(ops.upload(pattern), ops.upload(v), heads, texts)),

    add: (a: Tensor, b: Tensor) => compute((ops) => ops.add(ops.upload(a), ops.upload(b))),
    subtract: (a: Tensor, b: Tensor) => compute((ops) => ops.subtract(ops.upload(a), ops.upload(b))),
    gelu: (x: Tensor) => compute((ops) => ops.gelu(ops.upload(x))),
    geluErf: (x: Tensor) => compute((ops) => ops.geluErf(ops.upload(x))),
    relu: (x: Tensor) => compute((ops) => ops.relu(ops.upload(x))),
    center: (x: Tensor) => compute((ops) => ops.center(ops.upload(x))),
    softmax: (x: Tensor) => compute((ops) => ops.softmax(ops.upload(x))),
    crossEntropy: (x: Tensor, targets: readonly number[]) =>
      compute((ops) => ops.crossEntropy(ops.upload(x), targets)),
    klDivergence: (a: Tensor, b: Tensor) => compute((ops) => ops.klDivergence(ops.upload(a), ops.upload(b))),
    takeRows: (x: Tensor, indices: readonly number[]) =>
      compute((ops) => ops.takeRows(ops.upload(x), indices)),
    meanRows: (x: Tensor, lengths: readonly number[]) =>
      compute((ops) => ops.meanRows(ops.upload(x), lengths)),

    async topK(x: Tensor, k: number) {
      const device = ops.upload(x)
      const result = await ops.topK(device, k)
      ops.release(device)
      return result
    },

    preActivations: (x: Tensor, encoder: HostEncoder) =>
      withEncoder(encoder, (encoder) => compute((ops) => ops.preActivations(ops.upload(x), encoder))),

    sparseEncode: (x: Tensor, encoder: HostEncoder): Promise<SparseRows> =>
      withEncoder(encoder, async (encoder) => {
        const device = ops.upload(x)
        const result = await ops.sparseEncode(device, encoder)
        ops.release(device)
        return result
      }),

    sparseDecode: (x: SparseRows, weight: Tensor, bias: Tensor) =>
      withTable(weight, (table) => compute((ops) => ops.sparseDecode(x, table, ops.upload(bias)))),
  }
}
