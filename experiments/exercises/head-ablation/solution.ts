export function withoutHead(
  z: number[][],
  W_O: number[][],
  b_O: number[],
  heads: number,
  head: number,
): number[][] {
  const dHead = z[0].length / heads
  return z.map((row) =>
    b_O.map((bias, j) => {
      let sum = bias
      for (const [i, value] of row.entries()) if (Math.floor(i / dHead) !== head) sum += value * W_O[i][j]
      return sum
    }),
  )
}
