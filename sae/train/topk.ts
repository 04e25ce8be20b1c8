/*
 * One step of training a TopK SAE (Gao et al. 2024), by SAELens' definitions. Nothing is paid for activity: k decides it. The
 * gradient passes through the k features that were chosen, as if the others were not there, so a feature that is never chosen would
 * never learn. Dead features have a loss of their own (appendix A.2): those of them that answer most, half as many as x has
 * dimensions, try to rebuild what the living have missed,
 *
 *     |e_hat - (x - x_hat)|^2, e_hat = the sum of their pre-activations times their rows of W_dec,
 *
 * where x - x_hat counts as given. It is multiplied by the number of dead features over that half, at most 1.
 */
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { rulesOf } from '../../engine/backward.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { AdamW } from '../../engine/train/optimizer.ts'
import type { Sae } from '../weights.ts'
import {
  columnSums,
  singleRow,
  standardGradients,
  takeStep,
  type BatchResult,
  type SaeGradients,
  type StepSettings,
} from './standard.ts'

/** As standardGradients, whose gradients those of the auxiliary loss are added to. dead: features, rising */
export async function topkGradients(
  ops: Backend,
  sae: Sae,
  x: DeviceTensor,
  dead: readonly number[],
): Promise<SaeGradients> {
  const { encoder, W_dec, b_dec, config } = sae
  const found = await standardGradients(ops, sae, x, 0)
  if (dead.length === 0) return found
  const rules = rulesOf(ops)
  const half = Math.max(1, Math.floor(config.dIn / 2))
  const weight = Math.min(1, dead.length / half)
  const answers = await ops.download(await ops.preActivations(found.shifted, encoder)) // [rows, d_sae]
  const f = largestOf(answers, dead, Math.min(half, dead.length))
  const rebuilt = await ops.sparseDecode(f, W_dec, ops.upload(Tensor.zeros([config.dIn])))
  const error = await ops.add(rebuilt, found.error) // e_hat - (x - x_hat)

  const dF = (await rules.sparseDecode(error, f, W_dec)).map((slope) => weight * slope)
  const weighted = { ...f, values: f.values.map((value) => weight * value) }
  await rules.sparseDecodeWeights(error, weighted, found.of(W_dec))
  await rules.sparseEncodeWeights(dF, f, found.shifted, found.of(encoder))
  let dBias = found.of(b_dec)
  if (config.subtractsDecoderBias) {
    const inOneRow = singleRow(columnSums({ ...f, values: dF }))
    const inward = await rules.sparseEncode(inOneRow.values, inOneRow, encoder)
    dBias = { weight: await ops.subtract(dBias.weight, ops.reshape(inward, [config.dIn])) }
  }
  return {
    ...found,
    loss: found.loss + (weight * (await rules.squares(error))) / x.shape[0],
    of: (parameter) => (parameter === b_dec ? dBias : found.of(parameter)),
  }
}

/** Moves an SAE by one batch. x and dead as in topkGradients */
export function topkStep(
  sae: Sae,
  adam: AdamW,
  x: DeviceTensor,
  { dead, ...settings }: StepSettings & { dead: readonly number[] },
): Promise<BatchResult> {
  return takeStep(sae, adam, (ops) => topkGradients(ops, sae, x, dead), settings)
}

/** Of each row the k largest among some columns, of either sign; a tie goes to the lower column. x [rows, n] */
function largestOf(x: Tensor, columns: readonly number[], k: number): SparseRows {
  const [rows] = x.shape
  const indices = new Uint32Array(rows * k)
  for (let row = 0; row < rows; row++) {
    const values = x.row(row)
    const chosen = columns.toSorted((a, b) => values[b] - values[a] || a - b).slice(0, k)
    indices.set(
      chosen.sort((a, b) => a - b),
      row * k,
    )
  }
  return {
    shape: x.shape,
    offsets: Uint32Array.from({ length: rows + 1 }, (_, row) => row * k),
    indices,
    values: Float32Array.from(indices, (column, entry) => x.row(Math.floor(entry / k))[column]),
  }
}
