/*
 * One step of training a standard SAE, by SAELens' definitions: the loss of a batch is the mean over its rows of
 *
 *     |x_hat - x|^2 + l1 * (the sum over features of f_j |W_dec[j]|),
 *
 * so that a feature cannot buy a smaller penalty by a longer direction. What follows is the chain rule by hand, op by op, with
 * the rules of engine/backward.ts: only active features have gradients, so only their rows and columns are touched.
 * Everything is computed for half of the summed loss, where |x_hat - x|^2 has the gradient x_hat - x; `scale` makes up for it.
 */
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { rulesOf, type WeightGradient } from '../../engine/backward.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { clipScale, gradientLength, type AdamW, type Parameter } from '../../engine/train/optimizer.ts'
import type { Sae } from '../weights.ts'

/** How a batch went. */
export interface BatchResult {
  /** squaredError + l1 * sparsity */
  readonly loss: number
  /** Mean over rows of |x_hat - x|^2. */
  readonly squaredError: number
  /** Mean over rows of the sum of f_j |W_dec[j]|. */
  readonly sparsity: number
  readonly features: SparseRows
}

export interface SaeGradients extends BatchResult {
  /** x_hat - x [rows, d_in] */
  readonly error: DeviceTensor
  /** What the encoder read: x, b_dec subtracted where the SAE does so. [rows, d_in] */
  readonly shifted: DeviceTensor
  /** Of each parameter: half of the summed loss by it. Multiply by `scale` for the mean loss. */
  readonly of: (parameter: Parameter) => WeightGradient
  readonly scale: number
}

/** What a step moves. */
export function parametersOf({ encoder, W_dec, b_dec }: Sae): Parameter[] {
  return [encoder, W_dec, b_dec]
}

/** The loss of a batch and its gradients. x [rows, d_in], on the SAE's basis (saeInput) */
export async function standardGradients(
  ops: Backend,
  sae: Sae,
  x: DeviceTensor,
  l1: number,
): Promise<SaeGradients> {
  const { encoder, W_dec, b_dec, config } = sae
  const [rules, [rows]] = [rulesOf(ops), x.shape]
  const shifted = config.subtractsDecoderBias ? await ops.subtract(x, b_dec) : x // [rows, d_in]
  const f = await ops.sparseEncode(shifted, encoder) // sparse [rows, d_sae]
  const error = await ops.subtract(await ops.sparseDecode(f, W_dec, b_dec), x) // [rows, d_in]
  const directions = await ops.embed(
    W_dec,
    Array.from({ length: config.dSae }, (_, j) => j),
  ) // [d_sae, d_in]
  const lengths = rowLengths(await ops.download(directions)) // [d_sae]
  const sums = columnSums(f) // [d_sae]

  // f_j: by the decoder, and l1 |W_dec[j]|
  const byDecoder = await rules.sparseDecode(error, f, W_dec)
  const dF = byDecoder.map((slope, entry) => slope + (l1 / 2) * lengths[f.indices[entry]])
  // W_dec[j]: f_j error, and l1 f_j W_dec[j] / |W_dec[j]|
  const dDec = { weight: rules.zeros([config.dSae, config.dIn], x) }
  await rules.sparseDecodeWeights(error, f, dDec)
  await rules.sparseDecodeWeights(
    directions,
    diagonal(sums.map((sum, j) => (sum === 0 ? 0 : ((l1 / 2) * sum) / lengths[j]))),
    dDec,
  )
  // W_enc and b_enc
  const dEnc = { weight: rules.zeros([config.dIn, config.dSae], x), bias: rules.zeros([config.dSae], x) }
  await rules.sparseEncodeWeights(dF, f, shifted, dEnc)
  // b_dec: added on the way out, subtracted on the way in
  const out = await rules.sumRows(error)
  const inOneRow = singleRow(columnSums({ ...f, values: dF })) // W_enc times the sum of rows is the sum over rows
  const inward = config.subtractsDecoderBias
    ? ops.reshape(await rules.sparseEncode(inOneRow.values, inOneRow, encoder), [config.dIn])
    : undefined
  const dBias = { weight: inward ? await ops.subtract(out, inward) : out }

  const squaredError = (await rules.squares(error)) / rows
  const sparsity = sums.reduce((sum, value, j) => sum + value * lengths[j], 0) / rows
  const gradients = new Map<Parameter, WeightGradient>([
    [encoder, dEnc],
    [W_dec, dDec],
    [b_dec, dBias],
  ])
  const loss = squaredError + l1 * sparsity
  const made = { error, shifted, of: (p: Parameter) => gradients.get(p)!, scale: 2 / rows }
  return { loss, squaredError, sparsity, features: f, ...made }
}

export interface StepSettings {
  readonly rate: number
  /** What the gradient is clipped to. */
  readonly longest?: number
}

/** Moves an SAE by one batch. x as in standardGradients */
export function standardStep(
  sae: Sae,
  adam: AdamW,
  x: DeviceTensor,
  { l1, ...settings }: StepSettings & { l1: number },
): Promise<BatchResult> {
  return takeStep(sae, adam, (ops) => standardGradients(ops, sae, x, l1), settings)
}

/** Moves an SAE against the gradients of a batch, clipped. */
export async function takeStep(
  sae: Sae,
  adam: AdamW,
  gradientsOf: (ops: Backend) => Promise<SaeGradients>,
  { rate, longest = Infinity }: StepSettings,
): Promise<BatchResult> {
  let result: BatchResult | undefined
  await sae.ops.scope(async (ops) => {
    const gradients = await gradientsOf(ops)
    const all = parametersOf(sae).map((parameter) => gradients.of(parameter))
    const length = gradients.scale * (await gradientLength(ops, all))
    await adam.step(gradients.of, { rate, scale: gradients.scale * clipScale(length, longest) })
    result = gradients
  })
  return result!
}

function rowLengths(x: Tensor): Float64Array {
  return Float64Array.from({ length: x.shape[0] }, (_, row) => {
    let sum = 0
    for (const value of x.row(row)) sum += value * value
    return Math.sqrt(sum)
  })
}

export function columnSums(x: SparseRows): Float64Array {
  const sums = new Float64Array(x.shape[1])
  for (let entry = 0; entry < x.values.length; entry++) sums[x.indices[entry]] += x.values[entry]
  return sums
}

/** A square matrix with these numbers on its diagonal; zeros are left out. */
function diagonal(numbers: Float64Array): SparseRows {
  const size = numbers.length
  const offsets = new Uint32Array(size + 1)
  for (let row = 0; row < size; row++) offsets[row + 1] = offsets[row] + Number(numbers[row] !== 0)
  return { ...singleRow(numbers), shape: [size, size], offsets }
}

/** One sparse row; zeros are left out. */
export function singleRow(numbers: Float64Array): SparseRows {
  const indices = Uint32Array.from(numbers.keys()).filter((index) => numbers[index] !== 0)
  const values = Float32Array.from(indices, (index) => numbers[index])
  return { shape: [1, numbers.length], offsets: Uint32Array.of(0, indices.length), indices, values }
}
