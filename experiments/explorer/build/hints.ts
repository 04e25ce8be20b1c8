// What each feature fires on most.
import type { SparseRows } from '../../../engine/sparse.ts'

/**
 * For each feature the token of the texts with most of its activation, summed over all occurrences; '' if it never fires.
 * features: sparse [tokens, d_sae]; ids: one per token, `bos` where a text begins, which does not count; name: that of an id
 */
export function featureHints(
  features: SparseRows,
  ids: readonly number[],
  bos: number,
  name: (id: number) => string,
): string[] {
  const sums = Array.from({ length: features.shape[1] }, () => new Map<number, number>())
  for (const [token, id] of ids.entries())
    for (let entry = features.offsets[token]; id !== bos && entry < features.offsets[token + 1]; entry++) {
      const sum = sums[features.indices[entry]]
      sum.set(id, (sum.get(id) ?? 0) + features.values[entry])
    }
  return sums.map((sum) => {
    const [best] = [...sum].sort(([a, x], [b, y]) => y - x || a - b)
    return best ? name(best[0]) : ''
  })
}
