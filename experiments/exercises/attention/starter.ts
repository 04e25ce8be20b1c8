/**
 * Causal attention of a text. q, k and v have one row of dModel numbers per token; head h owns the columns from h * dHead to
 * (h + 1) * dHead. A token mixes the values of itself and of the tokens before it, by the shares softmax(q . k / sqrt(dHead)).
 * Returns one row of dModel numbers per token.
 */
export function attention(q: number[][], k: number[][], v: number[][], heads: number): number[][] {
  return q.map((row, t) => row.map((value, i) => (value * k[t][i] + v[t][i]) / heads))
}
