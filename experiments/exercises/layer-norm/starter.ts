const eps = 0.01

/** x shifted to mean 0 and scaled to variance 1, then times `weight`, plus `bias`; all three have the same length. */
export function layerNorm(x: number[], weight: number[], bias: number[]): number[] {
  return x.map((value, i) => (value / Math.sqrt(eps)) * weight[i] + bias[i])
}
