// The features of another SAE that fire with a feature.
import type { SparseRows } from '../../../../engine/sparse.ts'
import type { FeatureColumn } from '../../models/features.ts'
import type { CorrelatedFeature } from './feature-dashboard.ts'

/** Two features that meet on one token or two may do so by chance: with hundreds of features, some always will. */
export const LEAST_TOGETHER = 3

/**
 * The features of another SAE whose token activations go up and down with a feature's, by Pearson's correlation over
 * all tokens but BOS; at least LEAST_TOGETHER tokens make both fire. column: the feature, a list a text;
 * others: sparse [tokens, d_sae], a row for every token of `column`, BOS included. Sums in float64.
 */
export function correlatedFeatures(
  column: FeatureColumn,
  others: SparseRows,
  count: number,
): Omit<CorrelatedFeature, 'token'>[] {
  const width = others.shape[1]
  const [sumY, sumYY, sumXY] = [0, 1, 2].map(() => new Float64Array(width))
  const [least, most] = [new Float64Array(width).fill(Infinity), new Float64Array(width)]
  const [firing, together] = [new Uint32Array(width), new Uint32Array(width)]
  const tokens = column.reduce((sum, text) => sum + text.length - 1, 0)
  let [row, sumX, sumXX, leastX, mostX] = [0, 0, 0, Infinity, -Infinity]
  for (const text of column)
    for (let token = 0; token < text.length; token++, row++) {
      if (token === 0) continue // BOS
      const x = text[token]
      leastX = Math.min(leastX, x)
      mostX = Math.max(mostX, x)
      sumX += x
      sumXX += x * x
      for (let entry = others.offsets[row]; entry < others.offsets[row + 1]; entry++) {
        const [feature, y] = [others.indices[entry], others.values[entry]]
        sumY[feature] += y
        sumYY[feature] += y * y
        sumXY[feature] += x * y
        least[feature] = Math.min(least[feature], y)
        most[feature] = Math.max(most[feature], y)
        firing[feature]++
        if (x > 0) together[feature]++
      }
    }
  if (leastX === mostX) return [] // nothing goes up and down with a constant
  const correlated: Omit<CorrelatedFeature, 'token'>[] = []
  for (let feature = 0; feature < width; feature++) {
    if (together[feature] < LEAST_TOGETHER) continue
    if (firing[feature] === tokens && least[feature] === most[feature]) continue // constant: what varies is rounding
    const variances = (tokens * sumXX - sumX ** 2) * (tokens * sumYY[feature] - sumY[feature] ** 2)
    if (!(variances > 0)) continue
    const correlation = (tokens * sumXY[feature] - sumX * sumY[feature]) / Math.sqrt(variances)
    correlated.push({ feature, correlation, together: together[feature], firing_tokens: firing[feature] })
  }
  return correlated.sort((a, b) => b.correlation - a.correlation || a.feature - b.feature).slice(0, count)
}
