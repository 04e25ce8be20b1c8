/**
 * `stream` has one row of d_in numbers per token, BOS first; `features` one row of d_sae activations per token; W_dec one row of d_in
 * numbers per feature (b_dec is zero here). Every row but BOS is replaced by its reconstruction from the features, feature
 * `off` switched off. Returns the new stream.
 */
export function splice(stream: number[][], features: number[][], W_dec: number[][], off: number): number[][] {
  return stream.map((row, t) => row.map((value, i) => value + features[t][off] * W_dec[off][i]))
}
