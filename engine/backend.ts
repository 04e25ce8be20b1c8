// The interface of every backend, one op per line; model code uses nothing else of the engine.
import type { Shape, Tensor } from './tensor.ts'
import type { ScreenCounts } from './screen-counts.ts'
import type { Selection } from './selection.ts'
import type { SparseRows } from './sparse.ts'
import type { WeightSource } from './weights/weights.ts'

/**
 * A tensor wherever a backend keeps it: host memory, WebAssembly memory, a GPU buffer.
 * Model code passes it from op to op and never looks inside; `download` copies the numbers to host memory.
 */
export interface DeviceTensor {
  readonly shape: Shape
  /** The name of the backend that keeps it. */
  readonly backend: string
}

/** A matrix and its bias, prepared once for `linear`, which maps x [rows, in] to [rows, out]. */
export interface Linear {
  readonly in: number
  readonly out: number
  /** Without a bias, 0 is added, and stays 0 in training. */
  readonly hasBias: boolean
  readonly keep?: never // so that an Encoder is not taken for a Linear
}

/** A matrix, its bias and a selection, prepared once for `sparseEncode` and `preActivations`, which map x [rows, in] to [rows, out]. */
export interface Encoder {
  readonly in: number
  readonly out: number
  readonly keep: Selection['keep']
}

/** A matrix prepared once for reading whole rows: `embed` and `sparseDecode`. */
export interface Table {
  readonly rows: number
  readonly width: number
}

/** LayerNorm's learned scale and shift, both [width]. */
export interface Norm {
  readonly weight: DeviceTensor
  readonly bias: DeviceTensor
}

/**
 * What a linear layer does to each output after the bias. `gelu` is GPT-2's tanh approximation (`gelu_new` in configs),
 * `geluErf` the exact one (`gelu` in configs).
 */
export type Activation = 'none' | 'gelu' | 'geluErf' | 'relu'

/**
 * How the rows of a batch belong to texts. Several texts go through at once, laid end to end
 * without padding: only attention needs to know where one ends. A text's `queries` new rows are the
 * last of its `keys` rows; the others, if any, came from a cache.
 */
export interface TextSpan {
  readonly queries: number
  readonly keys: number
}

/** Rows that grow as a text is generated: the keys, or the values, of one layer. */
export interface RowCache {
  readonly width: number
  readonly capacity: number
  readonly length: number
}

/**
 * The ops of every backend. Shapes are [rows, width], one row per token. Every op returns a new tensor, and
 * returns it asynchronously, because a GPU does. The reference backend's files (engine/reference/) define
 * each op by plain loops.
 */
export interface Backend {
  /** The name that a user asks for, e.g. `reference`, `wasm`, `gpujs:webgl2`. */
  readonly name: string
  /** What really runs, printed with every result: instruction set, threads, adapter. */
  readonly mode: string
  /** Statistics of sparseEncode so far, on a backend that screens outputs first. */
  readonly screening?: Readonly<ScreenCounts>

  // --- moving numbers ---
  /** Copies the tensor's numbers to where the backend keeps its own; freed with the scope around it. */
  upload(tensor: Tensor): DeviceTensor
  /** Copies the numbers to host memory. @throws for a tensor of another backend, or one that has been freed */
  download(x: DeviceTensor): Promise<Tensor>
  /** The same numbers under another shape of the same size. */
  reshape(x: DeviceTensor, shape: Shape): DeviceTensor
  /**
   * Runs `work` and frees every tensor made inside through the `ops` it is given, except those it
   * returns (a tensor, or an array of them). Backends whose memory the garbage collector frees do nothing more.
   */
  scope<T extends DeviceTensor | readonly DeviceTensor[] | void>(
    work: (ops: Backend) => Promise<T>,
  ): Promise<T>

  // --- weights, prepared once ---
  /** weight [in, out], bias [out] (zeros if left out). `transposed`: weight is stored [out, in], as a tied unembedding is. */
  prepareLinear(weight: WeightSource, bias?: WeightSource, layout?: { transposed: boolean }): Promise<Linear>
  /**
   * weight [in, out], bias [out]. The selection is prepared too, because its thresholds are weights. Without a selection,
   * positive outputs are kept.
   */
  prepareEncoder(weight: WeightSource, bias: WeightSource, selection?: Selection): Promise<Encoder>
  /** weight [rows, width]. */
  prepareTable(weight: WeightSource): Promise<Table>
  /** weight and bias [width]. */
  prepareNorm(weight: WeightSource, bias: WeightSource): Promise<Norm>
  /** An empty cache for rows of `width` numbers, at most `capacity` of them. */
  createCache(capacity: number, width: number): RowCache
  /** Frees prepared weights, a cache, or a tensor made outside any scope. Using it afterwards is an error. */
  release(resource: Linear | Encoder | Table | Norm | RowCache | DeviceTensor): void

  // --- ops ---
  /** Row ids[i] of the table; of a transposed Linear, the weights into output ids[i]. ids: n numbers -> [n, width] */
  embed(table: Table | Linear, ids: readonly number[]): Promise<DeviceTensor>
  /** (x - mean) / sqrt(variance + eps) * weight + bias, row by row, biased variance. [rows, width] -> the same */
  layerNorm(x: DeviceTensor, norm: Norm, eps: number): Promise<DeviceTensor>
  /** activation(x W + b), plus `residual` [rows, out] if given. [rows, in] -> [rows, out] */
  linear(
    x: DeviceTensor,
    layer: Linear,
    options?: { activation?: Activation; residual?: DeviceTensor },
  ): Promise<DeviceTensor>
  /** softmax(q k^T scale) v, each query on the keys up to its own; scale 1 / sqrt(dHead) if left out. q [queries, width], k and v [keys, width] -> [queries, width] */
  attention(
    q: DeviceTensor,
    k: DeviceTensor,
    v: DeviceTensor,
    heads: number,
    texts: readonly TextSpan[],
    scale?: number,
  ): Promise<DeviceTensor>
  /** attention's first half: the probabilities, zero where a query may not look. -> [heads, queries, longest text's keys] */
  attentionPattern(
    q: DeviceTensor,
    k: DeviceTensor,
    heads: number,
    texts: readonly TextSpan[],
    scale?: number,
  ): Promise<DeviceTensor>
  /** attention's second half: pattern [heads, queries, keys] on v. -> [queries, width] */
  attentionMix(
    pattern: DeviceTensor,
    v: DeviceTensor,
    heads: number,
    texts: readonly TextSpan[],
  ): Promise<DeviceTensor>
  /** Writes rows [n, width] after those in the cache and returns all of them. -> [length, width] */
  append(cache: RowCache, rows: DeviceTensor): Promise<DeviceTensor>
  /** a + b; b has a's shape, or is one row [width] for every row of a. */
  add(a: DeviceTensor, b: DeviceTensor): Promise<DeviceTensor>
  /** a - b; shapes as for add. */
  subtract(a: DeviceTensor, b: DeviceTensor): Promise<DeviceTensor>
  /** GELU of every number; the same bits as linear's activation. any shape -> the same */
  gelu(x: DeviceTensor): Promise<DeviceTensor>
  /** The exact GELU; otherwise as gelu. */
  geluErf(x: DeviceTensor): Promise<DeviceTensor>
  /** The number where it is positive, else 0; NaN stays. The same bits as linear's. any shape -> the same */
  relu(x: DeviceTensor): Promise<DeviceTensor>
  /** Each row minus its mean. [rows, width] -> the same */
  center(x: DeviceTensor): Promise<DeviceTensor>
  /** exp(x - max) / sum, row by row. [rows, width] -> the same */
  softmax(x: DeviceTensor): Promise<DeviceTensor>
  /** -log softmax(x)[target], row by row, in nats: how surprising the target is to a row of logits. [rows, width] -> [rows] */
  crossEntropy(x: DeviceTensor, targets: readonly number[]): Promise<DeviceTensor>
  /**
   * The Kullback-Leibler divergence KL(p || q) in nats of p = softmax(a) and q = softmax(b), row by row.
   * a and b [rows, width] -> [rows]
   */
  klDivergence(a: DeviceTensor, b: DeviceTensor): Promise<DeviceTensor>
  /** The rows `indices` of x, in that order. [rows, width] -> [n, width] */
  takeRows(x: DeviceTensor, indices: readonly number[]): Promise<DeviceTensor>
  /** Mean over each text's rows; lengths[i] rows belong to text i. [rows, width] -> [texts, width] */
  meanRows(x: DeviceTensor, lengths: readonly number[]): Promise<DeviceTensor>
  /** The k largest of each row, largest first; a tie goes to the lower index; NaN counts as infinity. */
  topK(x: DeviceTensor, k: number): Promise<{ values: Float32Array; indices: Uint32Array }[]>
  /** The entries of x W + b that the encoder's selection keeps, one list per row. [rows, in] -> sparse [rows, out] */
  sparseEncode(x: DeviceTensor, encoder: Encoder): Promise<SparseRows>
  /** x W + b: the numbers that sparseEncode selects from, bit for bit. [rows, in] -> [rows, out] */
  preActivations(x: DeviceTensor, encoder: Encoder): Promise<DeviceTensor>
  /** Each entry times factor(row, index); an entry whose factor is 0 is left out. sparse [rows, n] -> the same */
  scaleEntries(x: SparseRows, factor: (row: number, index: number) => number): Promise<SparseRows>
  /** The sum of value * row(index) over a row's entries, plus bias [width]. sparse [rows, n] on table [n, width] -> [rows, width] */
  sparseDecode(x: SparseRows, table: Table, bias: DeviceTensor): Promise<DeviceTensor>

  /** Frees everything: memory, workers, GPU buffers. */
  dispose(): Promise<void>
}
