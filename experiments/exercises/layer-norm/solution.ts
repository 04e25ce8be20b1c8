const eps = 0.01

export function layerNorm(x: number[], weight: number[], bias: number[]): number[] {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length
  const scale = 1 / Math.sqrt(variance + eps)
  return x.map((value, i) => (value - mean) * scale * weight[i] + bias[i])
}
