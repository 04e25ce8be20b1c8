// On what share of the tokens features fire, counted in bins.

/** `counts[i]` features have a share between 10^`edges[i]` and 10^`edges[i + 1]`; those that never fire are in none. */
export interface DensityBins {
  edges: number[]
  counts: number[]
}

const PER_DECADE = 4

/** shares [d_sae], of `tokens` tokens: the first bin holds what fires on one of them, the last what fires on all */
export function densityBins(shares: Float64Array, tokens: number): DensityBins {
  const bins = Math.max(1, Math.ceil(PER_DECADE * Math.log10(tokens)))
  const edges = Array.from({ length: bins + 1 }, (_, i) => (i - bins) / PER_DECADE)
  const counts = edges.slice(1).map(() => 0)
  for (const share of shares)
    if (share > 0) counts[Math.min(bins - 1, Math.floor(bins + PER_DECADE * Math.log10(share)))]++
  return { edges, counts }
}
