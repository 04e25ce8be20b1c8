// What is left of the scores when the size of activations is held fixed.
import type { SparseRows } from '../../../engine/sparse.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { searchAt } from './null-model.ts'
import type { ThresholdPoint } from './layer-analysis.ts'
import { mean, quantile } from './statistics.ts'
import { risingActivations } from './threshold.ts'

/**
 * Activations grow with depth because everything does: the stream that an SAE reads gets longer from layer to layer, and
 * a fixed threshold is passed by ever more features. These numbers hold the size fixed, to see what is left.
 */

/**
 * The threshold that `pairs` pairs of text and feature exceed: the next activation. Where activations tie, fewer exceed it.
 * features: token means [texts, d_sae]
 */
export function thresholdForPairs(features: SparseRows, pairs: number): number {
  const falling = features.values.slice().sort().reverse()
  return Math.max(0, falling[pairs] ?? 0)
}

/**
 * The mean length of the vectors that an SAE reads, in float64. `lengths`: tokens per text, counting BOS, which is left out of the mean.
 * stream [sum of lengths, d_in]; `centered`: the mean of each vector is subtracted first, as the SAE's basis requires
 */
export function meanNorm(stream: Tensor, lengths: readonly number[], centered: boolean): number {
  let total = 0
  let row = 0
  for (const length of lengths) {
    for (let token = row + 1; token < row + length; token++) total += norm(stream.row(token), centered)
    row += length
  }
  return total / (row - lengths.length)
}

function norm(vector: Float32Array, centered: boolean): number {
  const centre = centered ? mean(vector) : 0
  return Math.sqrt(vector.reduce((sum, value) => sum + (value - centre) ** 2, 0))
}

/** The quantiles of the positive activations at which the scores are computed again. */
const QUANTILES = [0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999]
/** How many shuffles show the level of chance at each of them. */
const CURVE_PERMUTATIONS = 100

/**
 * The sum of the categories' best scores, and those from chance alone, from a low threshold to a high one. Empty where no
 * feature fires. labels: each text's category, below `categories`
 */
export function thresholdCurve(
  features: SparseRows,
  labels: Uint32Array,
  categories: number,
  seed: number,
): ThresholdPoint[] {
  const rising = risingActivations(features)
  if (rising.length === 0) return []
  return QUANTILES.map((q) => {
    const threshold = quantile(rising, q)
    const draws = { permutations: CURVE_PERMUTATIONS, seed }
    const { pairs, sum, chance } = searchAt(features, threshold, labels, categories, draws)
    return { quantile: q, threshold, pairs, sum_best_scores: sum, chance }
  })
}
