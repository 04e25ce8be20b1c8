export function rotated(W_in: number[][], W_out: number[][], R: number[][]): [number[][], number[][]] {
  const inverse = R.map((_, i) => R.map((row) => row[i]))
  return [product(inverse, W_in), product(W_out, R)]
}

function product(a: number[][], b: number[][]): number[][] {
  return a.map((row) => {
    const sums = b[0].map(() => 0)
    for (const [i, value] of row.entries()) for (let j = 0; j < sums.length; j++) sums[j] += value * b[i][j]
    return sums
  })
}
