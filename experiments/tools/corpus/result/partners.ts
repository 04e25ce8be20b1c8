// Which features fire together, counted on the tokens that were drawn by hash.

/** A feature that fires together with another more often than by chance. */
export interface Partner {
  readonly feature: number
  /** Sampled tokens on which both fire. */
  readonly together: number
  /** Pearson's correlation, of firing or not, over the sampled tokens. */
  readonly correlation: number
}

const LISTED = 10
/** Fewer tokens in common are chance. */
const LEAST_TOGETHER = 3

/**
 * -> a feature's partners, the most correlated first
 * @param sampled for each feature the sampled tokens on which it fires, as numbers below `tokens`
 */
export function partnersFinder(
  sampled: ReadonlyMap<number, readonly number[]>,
  tokens: number,
  dSae: number,
) {
  const active: number[][] = Array.from({ length: tokens }, () => [])
  for (const [feature, places] of sampled) for (const place of places) active[place].push(feature)
  const together = new Uint32Array(dSae)
  return (feature: number): Partner[] => {
    const own = sampled.get(feature) ?? []
    const met: number[] = []
    for (const place of own)
      for (const other of active[place]) if (together[other]++ === 0 && other !== feature) met.push(other)
    const partners = met
      .filter((other) => together[other] >= LEAST_TOGETHER)
      .map((other) => ({
        feature: other,
        together: together[other],
        correlation: phi(together[other], own.length, sampled.get(other)!.length, tokens),
      }))
      .filter(({ correlation }) => correlation > 0)
      .sort((a, b) => b.correlation - a.correlation || a.feature - b.feature)
      .slice(0, LISTED)
    together[feature] = 0
    for (const other of met) together[other] = 0
    return partners
  }
}

/** Pearson's correlation of two yes-or-no values: both are yes on `both` of n, each on a and b. */
function phi(both: number, a: number, b: number, n: number): number {
  const spread = a * (n - a) * b * (n - b)
  return spread === 0 ? 0 : (both * n - a * b) / Math.sqrt(spread)
}
