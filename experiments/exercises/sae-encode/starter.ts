/**
 * A standard sparse autoencoder: relu((x - b_dec) W_enc + b_enc). x and b_dec have d_in numbers, W_enc has d_in rows of d_sae
 * numbers, b_enc has d_sae. Returns d_sae activations.
 */
export function encode(x: number[], W_enc: number[][], b_enc: number[], b_dec: number[]): number[] {
  return b_enc.map((bias) => bias + x.length + W_enc.length + b_dec.length)
}
