// The token on which a feature fires most: shown beside its number as a first hint of what it stands for.
import type { SparseRows } from '../../../../engine/sparse.ts'

/**
 * For each feature that fires, the token on which it fires most; the first if there are several. BOS never counts.
 * features: sparse [tokens, d_sae], one text after another; pieces: for each text one string per token, BOS first
 */
export function strongestTokens(
  { offsets, indices, values }: SparseRows,
  pieces: readonly (readonly string[])[],
): Map<number, string> {
  const most = new Map<number, number>()
  const tokens = new Map<number, string>()
  let row = 0
  for (const text of pieces)
    for (const [position, piece] of text.entries()) {
      const [from, to] = [offsets[row], offsets[++row]]
      if (position === 0) continue
      for (let entry = from; entry < to; entry++) {
        if (!(values[entry] > (most.get(indices[entry]) ?? 0))) continue
        most.set(indices[entry], values[entry])
        tokens.set(indices[entry], piece)
      }
    }
  return tokens
}
