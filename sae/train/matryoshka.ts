/*
 * Matryoshka SAEs (Bussmann et al. 2025) are BatchTopK SAEs of which every prefix is an SAE, too: with widths m_1 < m_2 < ... < d_sae
 * the loss of a batch is the mean over rows of
 *
 *     the sum over widths m of |x_hat_m - x|^2,        x_hat_m = the sum over j < m of f_j W_dec[j] + b_dec,
 *
 * so that the first features must stand for what is general: they cannot leave it to later, narrower ones. A feature is part
 * of the sums of all widths beyond it, so it hears the errors of all of these added up.
 */
import type { DeviceTensor } from '../../engine/backend.ts'
import type { Architecture } from './architecture.ts'
import { batchtopk, largestOfAll } from './batchtopk.ts'
import { entriesWhere } from './loss.ts'
import { addAuxiliaryLoss, rebuiltBy } from './topk.ts'

export const matryoshka: Architecture = {
  ...batchtopk,
  async gradients(loss, { k, dead, widths }) {
    const answers = await loss.preActivations() // [rows, d_sae], times |W_dec[j]|
    const features = largestOfAll(answers, k * answers.shape[0])
    const f = loss.unscaled(features)
    const levels = [...widths.filter((width) => width < loss.sae.config.dSae), loss.sae.config.dSae]
    let squares = 0
    let below: DeviceTensor | undefined // the errors of this width and all beyond, added up [rows, d_in]
    let outermost: DeviceTensor | undefined // x_hat - x of the whole
    for (const [level, width] of [...levels.entries()].reverse()) {
      const error = await loss.errorOf(entriesWhere(f, (_, j) => j < width))
      const sum = await loss.addSquares(error)
      if (!below) [outermost, squares] = [error, sum]
      below = below ? await loss.ops.add(below, error) : error
      const first = levels[level - 1] ?? 0
      await rebuiltBy(
        loss,
        below,
        entriesWhere(f, (_, j) => first <= j && j < width),
      )
      await loss.toBias(error)
    }
    if (dead.length > 0) await addAuxiliaryLoss(loss, outermost!, dead, answers)
    return loss.result(features, squares)
  },
}
