/*
 * What a backend needs beside its ops to take gradients: a rule for each op.
 *
 * Training and attribution ask how one number, a loss or a logit, changes as each of the numbers that it was computed
 * from is nudged. The answers are its gradient, and they are found backwards: an op that made Y from X is given dY, the
 * gradient at Y, and its rule gives dX, the gradient at X. tape.ts remembers which ops made what, and calls the rules.
 *
 * A rule is given dY first, then the op's input, or its output where that is shorter. Gradients of weights are
 * added to those already there, because weights may be used more than once, as a tied unembedding is.
 * Ops that need no rule of their own are not here: center's is center itself, reshape's is reshape, and add's passes dY on.
 * engine/reference/*-backward.ts define each rule by plain loops.
 */
import type { Backend, DeviceTensor, Encoder, Linear, Norm, Table, TextSpan } from './backend.ts'
import type { SparseRows } from './sparse.ts'
import type { Shape, Tensor } from './tensor.ts'

/** Weights that a backend prepared, and that have gradients. */
export type Weights = Linear | Encoder | Table | Norm

/** The gradient of prepared weights: of a Linear or an Encoder weight [in, out], however it is stored, of a Table [rows, width], of a Norm [width]. */
export interface WeightGradient {
  readonly weight: DeviceTensor
  /** Of a Linear that has one or an Encoder [out], of a Norm [width]; a Table has none. */
  readonly bias?: DeviceTensor
}

/** Weights that are trained. An encoder is not trained itself but made from trained weights: see writeEncoder. */
export type TrainedWeights = Exclude<Weights, Encoder>

/** A tensor of each shape that the gradient of prepared weights, or of a tensor, has. */
export function likeGradient(
  parameter: Weights | DeviceTensor,
  make: (shape: Shape) => DeviceTensor,
): WeightGradient {
  if ('shape' in parameter) return { weight: make(parameter.shape) }
  if ('rows' in parameter) return { weight: make([parameter.rows, parameter.width]) }
  if (!('in' in parameter)) return { weight: make(parameter.weight.shape), bias: make(parameter.bias.shape) }
  const weight = make([parameter.in, parameter.out])
  const isBiased = 'keep' in parameter || parameter.hasBias
  return isBiased ? { weight, bias: make([parameter.out]) } : { weight }
}

/** What AdamW remembers of each parameter: running means of its gradient and of the gradient's square. */
export interface Moments {
  readonly mean: WeightGradient
  readonly square: WeightGradient
}

/** One step of AdamW; the fields have their names in the paper, or in PyTorch. */
export interface AdamStep {
  /** The step's number, from 1. */
  readonly t: number
  readonly rate: number
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  readonly weightDecay: number
  /** What gradients are multiplied by first, for clipping. */
  readonly scale: number
}

export interface Backward {
  /** Zeros that gradients are added to. Of the reference, the numbers are of the kind that `like` holds. */
  zeros(shape: Shape, like: DeviceTensor): DeviceTensor

  // --- weights: adds to `gradient` ---
  /** dW[ids[t]] += dY[t]. dY [n, width] */
  embed(
    dY: DeviceTensor,
    table: Table | Linear,
    ids: readonly number[],
    gradient: WeightGradient,
  ): Promise<void>
  /** dW += X^T dY and db += the sum of dY's rows. dY [rows, out], x [rows, in] */
  linearWeights(dY: DeviceTensor, x: DeviceTensor, gradient: WeightGradient): Promise<void>
  /** dW[index] += value * dY[row] for every entry. dY [rows, width], x sparse [rows, n] */
  sparseDecodeWeights(dY: DeviceTensor, x: SparseRows, gradient: WeightGradient): Promise<void>
  /** dW[i, index] += x[row, i] dF[entry] and db[index] += dF[entry] for every entry of f. x [rows, in] */
  sparseEncodeWeights(
    dF: Float32Array,
    f: SparseRows,
    x: DeviceTensor,
    gradient: WeightGradient,
  ): Promise<void>

  // --- learning ---
  /** The sum of all squares, added in the same order on any number of threads. */
  squares(x: DeviceTensor): Promise<number>
  /** Moves weights, or a tensor, in place by one step of AdamW (Loshchilov and Hutter 2019), and updates the moments. */
  adamW(
    parameters: TrainedWeights | DeviceTensor,
    gradient: WeightGradient,
    moments: Moments,
    step: AdamStep,
  ): Promise<void>
  /** Overwrites a tensor's numbers in place. numbers: as many as x has */
  write(x: DeviceTensor, numbers: ArrayLike<number>): void
  /**
   * Rebuilds an encoder from a table that holds its weights feature by feature: W[:, j] = scale[j] weight[j] and b[j] = scale[j]
   * bias[j], in the encoder's own layout. scale: ones if left out. weight [out, in], bias [out]
   */
  writeEncoder(encoder: Encoder, weight: Table, bias: DeviceTensor, scale?: Float64Array): Promise<void>
  /** |W[j]| of every row. */
  rowLengths(table: Table): Promise<Float64Array>
  /** dW[j] += dY[j] W[j] / |W[j]|, where dY[j] is not 0: the rule of rowLengths. dY [rows] */
  rowLengthsWeights(dY: Float64Array, table: Table, gradient: WeightGradient): Promise<void>
  /** Prepared weights as they are now: of a Linear or an Encoder weight [in, out], of the others as they were prepared. */
  readWeights(weights: Weights): Promise<{ readonly weight: Tensor; readonly bias?: Tensor }>

  // --- activations ---
  /** Returns dX, and adds to the norm's gradient if it is given. dY and x [rows, width] -> the same */
  layerNorm(
    dY: DeviceTensor,
    x: DeviceTensor,
    norm: Norm,
    eps: number,
    gradient?: WeightGradient,
  ): Promise<DeviceTensor>
  /** dX = dY W^T. dY [rows, out] -> [rows, in] */
  linear(dY: DeviceTensor, layer: Linear | Encoder): Promise<DeviceTensor>
  /** dY where y = relu(x) is positive, else 0. any shape -> the same */
  relu(dY: DeviceTensor, y: DeviceTensor): Promise<DeviceTensor>
  /** dY * gelu'(x). any shape -> the same */
  gelu(dY: DeviceTensor, x: DeviceTensor): Promise<DeviceTensor>
  /** dY * geluErf'(x), likewise. */
  geluErf(dY: DeviceTensor, x: DeviceTensor): Promise<DeviceTensor>
  /** y = softmax(x). dY and y [rows, width] -> the same */
  softmax(dY: DeviceTensor, y: DeviceTensor): Promise<DeviceTensor>
  /** y = -log softmax(x)[target]. dY [rows], x [rows, width] -> [rows, width] */
  crossEntropy(dY: DeviceTensor, x: DeviceTensor, targets: readonly number[]): Promise<DeviceTensor>
  /** y = KL(softmax(a) || softmax(b)). dY [rows] -> [dA, dB], both [rows, width] */
  klDivergence(dY: DeviceTensor, a: DeviceTensor, b: DeviceTensor): Promise<[DeviceTensor, DeviceTensor]>
  /** dP and pattern [heads, queries, keys] -> [dQ, dK], of the shapes of q and k */
  attentionPattern(
    dP: DeviceTensor,
    pattern: DeviceTensor,
    q: DeviceTensor,
    k: DeviceTensor,
    heads: number,
    texts: readonly TextSpan[],
    scale?: number,
  ): Promise<[DeviceTensor, DeviceTensor]>
  /** dY [queries, width] -> [dP, dV], of the shapes of pattern and v; dP is 0 where a query may not look */
  attentionMix(
    dY: DeviceTensor,
    pattern: DeviceTensor,
    v: DeviceTensor,
    heads: number,
    texts: readonly TextSpan[],
  ): Promise<[DeviceTensor, DeviceTensor]>
  /** The sum of dY's rows: the gradient of one row that was added to each. [rows, width] -> [width] */
  sumRows(dY: DeviceTensor): Promise<DeviceTensor>
  /** dX[indices[t]] += dY[t]. dY [n, width] -> [rows, width] */
  takeRows(dY: DeviceTensor, indices: readonly number[], rows: number): Promise<DeviceTensor>
  /** dX[r] = dY[text] / the text's length. dY [texts, width] -> [rows, width] */
  meanRows(dY: DeviceTensor, lengths: readonly number[]): Promise<DeviceTensor>
  /** dF[entry] = dY[row] . W[index], a number for each entry of x. dY [rows, width], x sparse [rows, n] */
  sparseDecode(dY: DeviceTensor, x: SparseRows, table: Table): Promise<Float32Array>
  /** dX[row] = the sum of dF[entry] W[:, index] over the row's entries of f, whatever selected them. -> [rows, in] */
  sparseEncode(dF: Float32Array, f: SparseRows, encoder: Encoder): Promise<DeviceTensor>
}

/** A backend that has the rules. */
export interface Differentiable extends Backend {
  readonly backward: Backward
}

/** @throws if the backend has no rules */
export function rulesOf(ops: Backend): Backward {
  if ('backward' in ops) return (ops as Differentiable).backward
  throw new Error(`${ops.name} has no backward rules: take gradients on a backend that createBackend gives`)
}
