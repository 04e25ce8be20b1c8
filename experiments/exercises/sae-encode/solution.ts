export function encode(x: number[], W_enc: number[][], b_enc: number[], b_dec: number[]): number[] {
  return b_enc.map((bias, feature) => {
    let sum = bias
    for (let i = 0; i < x.length; i++) sum += (x[i] - b_dec[i]) * W_enc[i][feature]
    return Math.max(0, sum)
  })
}
