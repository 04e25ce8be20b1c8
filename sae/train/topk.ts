/*
 * TopK (Gao et al. 2024) pays nothing for activity: k decides it. By SAELens' definition (rescale_acts_by_decoder_norm) the k features
 * that write most are kept, measured by f_j = ReLU(z_j + b_enc[j]) |W_dec[j]|, and
 *
 *     x_hat = the sum of f_j W_dec[j] / |W_dec[j]| + b_dec.
 *
 * The lengths cancel except in the choice, which has no gradient. So a feature that is never chosen would never learn. Dead features
 * therefore have a loss of their own (appendix A.2): those with the highest pre-activations, half as many as x has dimensions, try to
 * rebuild what the others have missed,
 *
 *     |e_hat - (x - x_hat)|^2, e_hat = the sum of (z_j + b_enc[j]) W_dec[j], of either sign,
 *
 * where x - x_hat counts as given. It is multiplied by the number of dead features over that half, at most 1.
 */
import type { DeviceTensor } from '../../engine/backend.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { Architecture } from './architecture.ts'
import type { BatchLoss } from './loss.ts'

export const topk: Architecture = {
  savedAs: 'topk',
  hasK: true,
  vectors: { b_enc: 0 },
  selection: (k) => ({ keep: 'largest', k }),
  async gradients(loss, { dead }) {
    const features = await loss.ops.sparseEncode(loss.input, loss.sae.encoder) // sparse [rows, d_sae]
    const f = loss.unscaled(features)
    const error = await loss.errorOf(f) // [rows, d_in]
    const squares = await loss.addSquares(error)
    await rebuiltBy(loss, error, f)
    await loss.toBias(error)
    if (dead.length > 0) await addAuxiliaryLoss(loss, error, dead, await loss.preActivations())
    return loss.result(features, squares)
  },
}

/** Passes the gradient `error` of the sum of f_j W_dec[j] on, where f_j = z_j + b_enc[j]. error [rows, d_in] */
export async function rebuiltBy(
  loss: BatchLoss,
  error: DeviceTensor,
  f: SparseRows,
  weight = 1,
): Promise<void> {
  const weighted = (numbers: Float32Array) =>
    weight === 1 ? numbers : numbers.map((value) => weight * value)
  await loss.toEncoderAndBias(weighted(await loss.slopes(error, f)), f)
  await loss.toDirections(error, { ...f, values: weighted(f.values) })
}

/** error: x_hat - x [rows, d_in]; dead: features, rising; answers: pre-activations times |W_dec[j]| [rows, d_sae] */
export async function addAuxiliaryLoss(
  loss: BatchLoss,
  error: DeviceTensor,
  dead: readonly number[],
  answers: Tensor,
): Promise<void> {
  const { ops, sae } = loss
  const half = Math.max(1, Math.floor(sae.config.dIn / 2))
  const weight = Math.min(1, dead.length / half)
  const f = loss.unscaled(largestOf(answers, dead, Math.min(half, dead.length)))
  const rebuilt = await ops.sparseDecode(f, sae.W_dec, ops.upload(Tensor.zeros([sae.config.dIn])))
  const missed = await ops.add(rebuilt, error) // e_hat - (x - x_hat)
  await loss.addSquares(missed, weight)
  await rebuiltBy(loss, missed, f, weight)
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
