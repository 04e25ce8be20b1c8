// The features of another SAE that fire together with a feature.
import type { SparseRows } from '../../../../engine/sparse.ts'
import type { FeatureColumn } from '../../models/features.ts'
import type { CorrelatedFeature } from './feature-dashboard.ts'

/** Two features that meet on one token or two may do so by chance: with hundreds of features, some always will. */
export const LEAST_TOGETHER = 3

/**
 * For each of several features the features of another SAE whose token activations go up and down with it, by Pearson's
 * correlation over all tokens but BOS; at least LEAST_TOGETHER tokens make both fire. columns: for each feature one list per
 * text; others: sparse [tokens, d_sae], a row for every token of a column, BOS included. Sums in float64.
 */
export function correlatedFeatures(
  columns: readonly FeatureColumn[],
  others: SparseRows,
  count: number,
): Omit<CorrelatedFeature, 'token'>[][] {
  if (columns.length === 0) return []
  const lengths = columns[0].map(({ length }) => length)
  const moments = momentsOf(others, lengths)
  return columns.map((column) => correlated(column, others, moments).slice(0, count))
}

/** Of each feature over all tokens but BOS, [d_sae] each. `firing`: on how many tokens it fires */
interface Moments {
  readonly tokens: number
  readonly sum: Float64Array
  readonly squares: Float64Array
  readonly least: Float64Array
  readonly most: Float64Array
  readonly firing: Uint32Array
}

function momentsOf({ shape, offsets, indices, values }: SparseRows, lengths: readonly number[]): Moments {
  const width = shape[1]
  const [sum, squares, least, most] = Array.from({ length: 4 }, () => new Float64Array(width))
  least.fill(Infinity)
  const firing = new Uint32Array(width)
  let [row, tokens] = [0, 0]
  for (const length of lengths) {
    for (let entry = offsets[row + 1]; entry < offsets[row + length]; entry++) {
      const [feature, y] = [indices[entry], values[entry]]
      sum[feature] += y
      squares[feature] += y * y
      least[feature] = Math.min(least[feature], y)
      most[feature] = Math.max(most[feature], y)
      firing[feature]++
    }
    row += length
    tokens += length - 1
  }
  return { tokens, sum, squares, least, most, firing }
}

/** The features that go with `column`, the closest first. */
function correlated(
  column: FeatureColumn,
  { offsets, indices, values }: SparseRows,
  { tokens, sum, squares, least, most, firing }: Moments,
): Omit<CorrelatedFeature, 'token'>[] {
  const width = sum.length
  const products = new Float64Array(width)
  const together = new Uint32Array(width)
  let [row, sumX, squaresX, leastX, mostX] = [0, 0, 0, Infinity, -Infinity]
  for (const text of column)
    for (let token = 0; token < text.length; token++, row++) {
      if (token === 0) continue // BOS
      const x = text[token]
      leastX = Math.min(leastX, x)
      mostX = Math.max(mostX, x)
      if (x === 0) continue // adds nothing
      sumX += x
      squaresX += x * x
      for (let entry = offsets[row]; entry < offsets[row + 1]; entry++) {
        products[indices[entry]] += x * values[entry]
        together[indices[entry]]++
      }
    }
  if (leastX === mostX) return [] // nothing goes up and down with a constant
  const found: Omit<CorrelatedFeature, 'token'>[] = []
  for (let feature = 0; feature < width; feature++) {
    if (together[feature] < LEAST_TOGETHER) continue
    if (firing[feature] === tokens && least[feature] === most[feature]) continue // constant: only rounding varies
    const variances = (tokens * squaresX - sumX ** 2) * (tokens * squares[feature] - sum[feature] ** 2)
    if (!(variances > 0)) continue
    const correlation = (tokens * products[feature] - sumX * sum[feature]) / Math.sqrt(variances)
    found.push({ feature, correlation, together: together[feature], firing_tokens: firing[feature] })
  }
  return found.sort((a, b) => b.correlation - a.correlation || a.feature - b.feature)
}
