/*
 * JumpReLU (Rajamanoharan et al. 2024b) learns for each feature a threshold t_j, and pays for the number of active features:
 *
 *     f_j = a_j where a_j = z_j + b_enc[j] > t_j, else 0;        loss: |x_hat - x|^2 + l0 * (the number of active features).
 *
 * Neither f_j nor the number changes smoothly as t_j passes a_j, so their slopes are 0 almost everywhere. What counts is the mean
 * over many tokens, which does: a little more t_j turns off the tokens whose a_j lies just above it. The density of a_j at t_j is
 * estimated by a rectangle of a width e (the paper's section 4, SAELens' jumprelu_bandwidth), K = 1 where |a_j - t_j| < e / 2:
 *
 *     df_j / dt_j = -(t_j / e) K,        d(number) / dt_j = -(1 / e) K,        df_j / da_j = 1 where active.
 */
import type { Architecture } from './architecture.ts'
import { chosenEntries } from './loss.ts'

/** SAELens' jumprelu_init_threshold and jumprelu_bandwidth. */
const [FIRST_THRESHOLD, WIDTH] = [0.01, 0.05]

export const jumprelu: Architecture = {
  savedAs: 'jumprelu',
  vectors: { b_enc: 0, threshold: FIRST_THRESHOLD },
  notBelowZero: ['threshold'],
  async gradients(loss, { l0 }) {
    const { data: threshold } = await loss.ops.download(loss.sae.vectors.get('threshold')!) // [d_sae]
    const answers = await loss.preActivations() // [rows, d_sae]
    const f = chosenEntries(answers, (value, j) => value > threshold[j])
    const error = await loss.errorOf(f) // [rows, d_in]
    const squares = await loss.addSquares(error)
    loss.addCost(l0 * f.values.length)

    await loss.toEncoderAndBias(await loss.slopes(error, f), f)
    await loss.toDirections(error, f)
    await loss.toBias(error)
    const near = chosenEntries(answers, (value, j) => Math.abs((value - threshold[j]) / WIDTH) < 0.5)
    const slopes = await loss.slopes(error, near)
    const dThreshold = loss.ofVector('threshold')
    for (const [entry, j] of near.indices.entries())
      dThreshold[j] -= (threshold[j] * slopes[entry] + l0 / 2) / WIDTH
    return loss.result(f, squares)
  },
}
