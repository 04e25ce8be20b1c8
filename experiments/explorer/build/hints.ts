import type { SparseRows } from '../../../engine/sparse.ts'
import type { FeatureHints } from '../protocol.ts'

/**
 * For each feature the token of the texts that has most of its activation, all occurrences together, and how much.
 * features: sparse [tokens, d_sae]; ids: one a token, `bos` where a text begins, which does not count; name: of an id
 */
export function featureHints(
  features: SparseRows,
  ids: readonly number[],
  bos: number,
  name: (id: number) => string,
): FeatureHints {
  const sums = Array.from({ length: features.shape[1] }, () => new Map<number, number>())
  for (const [token, id] of ids.entries())
    for (let entry = features.offsets[token]; id !== bos && entry < features.offsets[token + 1]; entry++) {
      const sum = sums[features.indices[entry]]
      sum.set(id, (sum.get(id) ?? 0) + features.values[entry])
    }
  const strongest = sums.map((sum) => {
    const all = [...sum.values()].reduce((total, value) => total + value, 0)
    const [best] = [...sum].sort(([a, x], [b, y]) => y - x || a - b)
    return best
      ? { token: name(best[0]), share: Number((best[1] / all).toPrecision(3)) }
      : { token: '', share: 0 }
  })
  return { tokens: strongest.map(({ token }) => token), shares: strongest.map(({ share }) => share) }
}
