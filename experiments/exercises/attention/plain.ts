// Attention as plain loops, with the mistakes that are made most often.

export interface Variant {
  readonly blind?: boolean // a query does not see its own key
  readonly sighted?: boolean // a query sees what lies ahead
  readonly unscaled?: boolean
  readonly undivided?: 'raw' | 'shifted' // powers that are not divided by their sum: exp(score), or with the largest score subtracted
  readonly scaledByWidth?: boolean
  readonly interleaved?: boolean // a head's numbers lie `heads` apart instead of side by side
  readonly zeroed?: boolean // what lies ahead scores 0 instead of minus infinity
}

/** softmax(q k^T / sqrt(dHead)) v, head by head, each token looking at itself and at what came before. [tokens][dModel] -> the same */
export function attentionAs(
  q: number[][],
  k: number[][],
  v: number[][],
  heads: number,
  variant: Variant = {},
): number[][] {
  const [tokens, dModel] = [q.length, q[0].length]
  const dHead = dModel / heads
  const root = variant.unscaled ? 1 : Math.sqrt(variant.scaledByWidth ? dModel : dHead)
  const place = (head: number, i: number) => (variant.interleaved ? i * heads + head : head * dHead + i)
  const out = q.map((row) => row.map(() => 0))
  for (let head = 0; head < heads; head++)
    for (let query = 0; query < tokens; query++) {
      const visible = variant.sighted || variant.zeroed ? tokens : variant.blind ? query : query + 1
      const scores = Array.from({ length: visible }, (_, key) => {
        if (variant.zeroed && key > query) return 0
        let dot = 0
        for (let i = 0; i < dHead; i++) dot += q[query][place(head, i)] * k[key][place(head, i)]
        return dot / root
      })
      const largest = variant.undivided === 'raw' ? 0 : Math.max(...scores)
      const sum = variant.undivided ? 1 : scores.reduce((sum, score) => sum + Math.exp(score - largest), 0)
      for (const [key, score] of scores.entries())
        for (let i = 0; i < dHead; i++)
          out[query][place(head, i)] += (Math.exp(score - largest) / sum) * v[key][place(head, i)]
    }
  return out
}
