/*
 * The gradients of the loss of one batch, as they gather: the chain rule by hand, op by op, with the rules of engine/backward.ts.
 * Only active features have gradients, so only their rows are touched. All architectures rebuild x as
 *
 *     x_hat = the sum of f_j W_dec[j] + b_dec,    f_j a function of z_j = (x - b_dec) . W_enc[j],
 *
 * and differ in that function and in what they pay for activity: see standard.ts, which is the simplest. Everything is computed
 * for half of the loss summed over rows, where |x_hat - x|^2 has the gradient x_hat - x; `scale` makes up for it.
 */
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { rulesOf, type WeightGradient } from '../../engine/backward.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { Parameter } from '../../engine/train/optimizer.ts'
import type { TrainingSae } from './weights.ts'

export class BatchLoss {
  /** Of the scope of one step. */
  readonly ops: Backend
  readonly sae: TrainingSae
  /** [rows, d_in] */
  readonly x: DeviceTensor
  /** What the encoder reads: x, b_dec subtracted where the SAE does so. [rows, d_in] */
  readonly input: DeviceTensor
  /** |W_dec[j]| of each feature. */
  readonly lengths: Float64Array
  readonly #W_enc: WeightGradient
  readonly #W_dec: WeightGradient
  readonly #vectors = new Map<string, Float64Array>()
  readonly #b_dec: Float64Array
  #sum = 0

  private constructor(
    ops: Backend,
    sae: TrainingSae,
    x: DeviceTensor,
    input: DeviceTensor,
    lengths: Float64Array,
  ) {
    this.ops = ops
    this.sae = sae
    this.x = x
    this.input = input
    this.lengths = lengths
    const { dIn, dSae } = sae.config
    const zeros = () => ({ weight: rulesOf(ops).zeros([dSae, dIn], x) })
    this.#W_enc = zeros()
    this.#W_dec = zeros()
    this.#b_dec = new Float64Array(dIn)
    for (const name of sae.vectors.keys()) this.#vectors.set(name, new Float64Array(dSae))
  }

  /**
   * Makes the encoder anew from the weights, each feature multiplied by |W_dec[j]| where the config asks for it.
   * x [rows, d_in], on the SAE's basis
   */
  static async begin(ops: Backend, sae: TrainingSae, x: DeviceTensor): Promise<BatchLoss> {
    const { W_enc, W_dec, vectors, b_dec, encoder, config } = sae
    const [bias] = vectors.values()
    const lengths = await rulesOf(ops).rowLengths(W_dec)
    const scale = config.scalesByDecoderNorm ? lengths : undefined
    await rulesOf(ops).writeEncoder(encoder, W_enc, bias, scale)
    const input = config.subtractsDecoderBias ? await ops.subtract(x, b_dec) : x
    return new BatchLoss(ops, sae, x, input, lengths)
  }

  /** z_j + b_j again, from what the encoder gave where that was multiplied by |W_dec[j]|. */
  unscaled(features: SparseRows): SparseRows {
    if (!this.sae.config.scalesByDecoderNorm) return features
    const values = features.values.map((value, entry) => value / this.lengths[features.indices[entry]])
    return { ...features, values }
  }

  /** Pre-activations at home. -> [rows, d_sae] */
  async preActivations(): Promise<Tensor> {
    return this.ops.download(await this.ops.preActivations(this.input, this.sae.encoder))
  }

  /** x_hat - x of features. -> [rows, d_in] */
  async errorOf(f: SparseRows): Promise<DeviceTensor> {
    const { W_dec, b_dec } = this.sae
    return this.ops.subtract(await this.ops.sparseDecode(f, W_dec, b_dec), this.x)
  }

  /** Adds weight * the sum over rows of |error|^2. -> the sum */
  async addSquares(error: DeviceTensor, weight = 1): Promise<number> {
    const sum = await rulesOf(this.ops).squares(error)
    this.#sum += weight * sum
    return sum
  }

  /** Adds what is given to the loss summed over rows. */
  addCost(sum: number): void {
    this.#sum += sum
  }

  /** error . W_dec[j], a number for each entry: what a feature would change of |error|^2 / 2. error [rows, d_in] */
  slopes(error: DeviceTensor, f: SparseRows): Promise<Float32Array> {
    return rulesOf(this.ops).sparseDecode(error, f, this.sae.W_dec)
  }

  /** The gradient `error` of what features rebuild, to W_dec: f_j error. error [rows, d_in] */
  toDirections(error: DeviceTensor, f: SparseRows): Promise<void> {
    return rulesOf(this.ops).sparseDecodeWeights(error, f, this.#W_dec)
  }

  /** The gradient of what was added to each row, to b_dec. error [rows, d_in] */
  async toBias(error: DeviceTensor): Promise<void> {
    const { data } = await this.ops.download(await rulesOf(this.ops).sumRows(error))
    for (const [i, sum] of data.entries()) this.#b_dec[i] += sum
  }

  /** The gradient of |W_dec[j]|, to W_dec. slopes [d_sae] */
  toLengths(slopes: Float64Array): Promise<void> {
    return rulesOf(this.ops).rowLengthsWeights(slopes, this.sae.W_dec, this.#W_dec)
  }

  /** The gradient of z_j, to W_enc, and to b_dec where the encoder takes it off. dZ: a number for each entry */
  async toEncoder(dZ: Float32Array, f: SparseRows): Promise<void> {
    const { W_enc, config } = this.sae
    const entries = { ...f, values: dZ }
    await rulesOf(this.ops).sparseDecodeWeights(this.input, entries, this.#W_enc)
    if (!config.subtractsDecoderBias) return
    const inOneRow = singleRow(columnSums(entries)) // W_enc times the sum of rows is the sum over rows
    const zeros = this.ops.upload(Tensor.zeros([config.dIn]))
    const { data } = await this.ops.download(await this.ops.sparseDecode(inOneRow, W_enc, zeros))
    for (const [i, sum] of data.entries()) this.#b_dec[i] -= sum
  }

  /** The gradient of z_j + b_j, likewise, and to the bias b of that name. */
  async toEncoderAndBias(dZ: Float32Array, f: SparseRows, bias = 'b_enc'): Promise<void> {
    await this.toEncoder(dZ, f)
    const sums = this.ofVector(bias)
    for (let entry = 0; entry < dZ.length; entry++) sums[f.indices[entry]] += dZ[entry]
  }

  /** The gradient of a vector, to be added to. -> [d_sae] */
  ofVector(name: string): Float64Array {
    const gradient = this.#vectors.get(name)
    if (!gradient) throw new Error(`training: the SAE has no ${name}`)
    return gradient
  }

  /** All that was added. features: those that were active; squaredError: the sum over rows of |x_hat - x|^2 */
  result(features: SparseRows, squaredError: number): SaeGradients {
    const [rows] = this.x.shape
    const { sae, ops } = this
    const gradients = new Map<Parameter, WeightGradient>([
      [sae.W_enc, this.#W_enc],
      [sae.W_dec, this.#W_dec],
      [sae.b_dec, { weight: ops.upload(Tensor.of(sae.b_dec.shape, this.#b_dec)) }],
    ])
    for (const [name, vector] of sae.vectors)
      gradients.set(vector, { weight: ops.upload(Tensor.of(vector.shape, this.ofVector(name))) })
    return {
      loss: this.#sum / rows,
      squaredError: squaredError / rows,
      features,
      of: (parameter) => gradients.get(parameter)!,
      scale: 2 / rows,
    }
  }
}

/** How a batch went. */
export interface BatchResult {
  /** All terms of the loss, the mean over rows. */
  readonly loss: number
  /** Mean over rows of |x_hat - x|^2. */
  readonly squaredError: number
  readonly features: SparseRows
}

export interface SaeGradients extends BatchResult {
  /** Of each parameter: half of the summed loss by it. Multiply by `scale` for the mean loss. */
  readonly of: (parameter: Parameter) => WeightGradient
  readonly scale: number
}

export function columnSums(x: SparseRows): Float64Array {
  const sums = new Float64Array(x.shape[1])
  for (let entry = 0; entry < x.values.length; entry++) sums[x.indices[entry]] += x.values[entry]
  return sums
}

/** One sparse row; zeros are left out. */
function singleRow(numbers: Float64Array): SparseRows {
  const indices = Uint32Array.from(numbers.keys()).filter((index) => numbers[index] !== 0)
  const values = Float32Array.from(indices, (index) => numbers[index])
  return { shape: [1, numbers.length], offsets: Uint32Array.of(0, indices.length), indices, values }
}

type Keeps = (value: number, column: number) => boolean

/** The entries of dense rows for which `keeps` says so. x [rows, width] */
export function chosenEntries(x: Tensor, keeps: Keeps): SparseRows {
  const [rows, width] = x.shape
  const [offsets, indices, values] = [new Uint32Array(rows + 1), [] as number[], [] as number[]]
  for (let row = 0; row < rows; row++) {
    const numbers = x.row(row)
    for (let column = 0; column < width; column++)
      if (keeps(numbers[column], column)) {
        indices.push(column)
        values.push(numbers[column])
      }
    offsets[row + 1] = indices.length
  }
  return { shape: x.shape, offsets, indices: Uint32Array.from(indices), values: Float32Array.from(values) }
}

/** The entries of sparse rows for which `keeps` says so. */
export function entriesWhere(x: SparseRows, keeps: Keeps): SparseRows {
  const kept = Uint32Array.from(x.indices.keys()).filter((entry) => keeps(x.values[entry], x.indices[entry]))
  const offsets = new Uint32Array(x.offsets.length)
  let entry = 0
  for (let row = 0; row < x.shape[0]; row++) {
    while (entry < kept.length && kept[entry] < x.offsets[row + 1]) entry++
    offsets[row + 1] = entry
  }
  const [indices, values] = [kept.map((at) => x.indices[at]), Float32Array.from(kept, (at) => x.values[at])]
  return { shape: x.shape, offsets, indices, values }
}
