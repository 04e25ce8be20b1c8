/*
 * BatchTopK (Bussmann et al. 2024) is TopK over a batch: of the features of B tokens, the k B that write most are kept, so that a
 * token that needs many has many. A single token has no batch, so the SAE is saved as JumpReLU with one threshold for all features:
 * a moving average over batches of the smallest activation kept (SAELens' topk_threshold_lr).
 */
import type { SparseRows } from '../../engine/sparse.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { Architecture } from './architecture.ts'
import { chosenEntries } from './loss.ts'
import { addAuxiliaryLoss, rebuiltBy } from './topk.ts'

export const batchtopk: Architecture = {
  savedAs: 'jumprelu',
  hasK: true,
  learnsThreshold: true,
  vectors: { b_enc: 0 },
  async gradients(loss, { k, dead }) {
    const answers = await loss.preActivations() // [rows, d_sae], times |W_dec[j]|
    const features = largestOfAll(answers, k * answers.shape[0])
    const f = loss.unscaled(features)
    const error = await loss.errorOf(f) // [rows, d_in]
    const squares = await loss.addSquares(error)
    await rebuiltBy(loss, error, f)
    await loss.toBias(error)
    if (dead.length > 0) await addAuxiliaryLoss(loss, error, dead, answers)
    return loss.result(features, squares)
  },
}

/** How far the threshold moves towards a batch's smallest activation. */
const THRESHOLD_RATE = 0.01

/** The threshold after a batch's features. */
export function movedThreshold(threshold: number, { values }: SparseRows): number {
  if (values.length === 0) return threshold
  const smallest = values.reduce((least, value) => Math.min(least, value), Infinity)
  return (1 - THRESHOLD_RATE) * threshold + THRESHOLD_RATE * smallest
}

/** Of all positive numbers the `count` largest; a tie goes to the earlier one. x [rows, width] */
export function largestOfAll(x: Tensor, count: number): SparseRows {
  const limit = limitOf(x.data, count)
  let ties = count
  for (const value of x.data) if (value > limit) ties--
  return chosenEntries(x, (value) => value > limit || (value === limit && value > 0 && ties-- > 0))
}

/** The `count`-th largest of the positive numbers, or 0 if there are fewer: counted by the upper half of their bits, which rise with them. */
function limitOf(numbers: Float32Array, count: number): number {
  const bits = new Int32Array(numbers.buffer, numbers.byteOffset, numbers.length)
  const counts = new Uint32Array(1 << 15)
  for (const bit of bits) if (bit > 0) counts[bit >>> 16]++
  let [bin, above] = [counts.length, 0]
  while (bin > 0 && above < count) above += counts[--bin]
  if (above < count) return 0
  const inBin = numbers.filter((_, i) => bits[i] > 0 && bits[i] >>> 16 === bin).sort()
  return inBin[above - count]
}
