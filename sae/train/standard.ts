/*
 * A standard SAE pays for activity, by SAELens' definition: the loss of a batch is the mean over its rows of
 *
 *     |x_hat - x|^2 + l1 * (the sum over features of f_j |W_dec[j]|),        f_j = ReLU(z_j + b_enc[j]),
 *
 * so that a feature cannot buy a smaller penalty by a longer direction.
 */
import type { Architecture } from './architecture.ts'
import { columnSums } from './loss.ts'

export const standard: Architecture = {
  savedAs: 'standard',
  vectors: { b_enc: 0 },
  async gradients(loss, { l1 }) {
    const { ops, lengths } = loss
    const f = await ops.sparseEncode(loss.input, loss.sae.encoder) // sparse [rows, d_sae]
    const error = await loss.errorOf(f) // [rows, d_in]
    const squares = await loss.addSquares(error)
    const sums = columnSums(f) // [d_sae]
    loss.addCost(sums.reduce((sum, value, j) => sum + l1 * value * lengths[j], 0))

    const slopes = await loss.slopes(error, f)
    const dZ = slopes.map((slope, entry) => slope + (l1 / 2) * lengths[f.indices[entry]])
    await loss.toEncoderAndBias(dZ, f)
    await loss.toDirections(error, f)
    if (l1 > 0) await loss.toLengths(sums.map((sum) => (l1 / 2) * sum))
    await loss.toBias(error)
    return loss.result(f, squares)
  },
}
