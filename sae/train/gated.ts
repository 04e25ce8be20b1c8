/*
 * Gated SAEs (Rajamanoharan et al. 2024a) decide by one map whether a feature is active and by another how strongly:
 *
 *     g_j = z_j + b_gate[j],    m_j = exp(r_mag[j]) z_j + b_mag[j],    f_j = ReLU(m_j) where g_j > 0, else 0.
 *
 * The gate's decision has no slope. So the loss pays for the gate's own activations, and asks them to rebuild x as well:
 *
 *     |x_hat - x|^2 + l1 * (the sum over features of ReLU(g_j) |W_dec[j]|) + |x_gate - x|^2,    x_gate = the sum of ReLU(g_j) W_dec[j] + b_dec.
 *
 * As in SAELens, W_dec and b_dec learn from the last term, too; the paper stops the gradient there.
 */
import type { Architecture } from './architecture.ts'
import { columnSums, entriesWhere } from './loss.ts'

export const gated: Architecture = {
  savedAs: 'gated',
  vectors: { b_gate: 0, r_mag: 0, b_mag: 0 },
  async gradients(loss, { l1 }) {
    const { ops, lengths, sae } = loss
    const [b_gate, r_mag, b_mag] = await Promise.all(
      ['b_gate', 'r_mag', 'b_mag'].map(async (name) => (await ops.download(sae.vectors.get(name)!)).data),
    )
    const open = await ops.sparseEncode(loss.input, sae.encoder) // ReLU(g), sparse [rows, d_sae]
    const z = open.values.map((gate, entry) => gate - b_gate[open.indices[entry]])
    const growth = r_mag.map(Math.exp) // [d_sae]
    const magnitude = z.map((value, entry) => {
      const j = open.indices[entry]
      return Math.max(0, growth[j] * value + b_mag[j])
    })
    const f = { ...open, values: magnitude }
    const [error, gateError] = [await loss.errorOf(f), await loss.errorOf(open)] // [rows, d_in]
    const squares = await loss.addSquares(error)
    await loss.addSquares(gateError)
    const sums = columnSums(open) // [d_sae]
    loss.addCost(sums.reduce((sum, value, j) => sum + l1 * value * lengths[j], 0))

    const [slopes, gateSlopes] = [await loss.slopes(error, f), await loss.slopes(gateError, open)]
    const [dGate, dGrowth, dMagnitude] = ['b_gate', 'r_mag', 'b_mag'].map((name) => loss.ofVector(name))
    const dZ = new Float32Array(z.length)
    for (const [entry, j] of open.indices.entries()) {
      const byGate = gateSlopes[entry] + (l1 / 2) * lengths[j]
      const byMagnitude = magnitude[entry] > 0 ? slopes[entry] : 0
      dGate[j] += byGate
      dGrowth[j] += byMagnitude * growth[j] * z[entry]
      dMagnitude[j] += byMagnitude
      dZ[entry] = byGate + byMagnitude * growth[j]
    }
    await loss.toEncoder(dZ, open)
    await loss.toDirections(error, f)
    await loss.toDirections(gateError, open)
    await loss.toLengths(sums.map((sum) => (l1 / 2) * sum))
    for (const part of [error, gateError]) await loss.toBias(part)
    return loss.result(
      entriesWhere(f, (value) => value > 0),
      squares,
    )
  },
}
