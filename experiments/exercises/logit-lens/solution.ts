export function logitLens(x: number[], weight: number[], bias: number[], wte: number[][]): number[] {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length
  const normed = x.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * weight[i] + bias[i])
  return wte.map((row) => row.reduce((sum, value, i) => sum + value * normed[i], 0))
}
