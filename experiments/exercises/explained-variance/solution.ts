export function explainedVariance(x: number[][], rebuilt: number[][]): number {
  const mean = x[0].map((_, i) => x.reduce((sum, row) => sum + row[i], 0) / x.length)
  let error = 0
  let spread = 0
  for (const [t, row] of x.entries())
    for (const [i, value] of row.entries()) {
      error += (value - rebuilt[t][i]) ** 2
      spread += (value - mean[i]) ** 2
    }
  return 1 - error / spread
}
