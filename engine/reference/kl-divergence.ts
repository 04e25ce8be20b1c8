import type { Tensor } from '../tensor.ts'
import { rowTotal } from './cross-entropy.ts'

/**
 * KL(p || q) = sum of p_i (log p_i - log q_i), with p_i = exp(a_i - largest a) / total of these, and q_i likewise from b.
 * The logarithms of the totals can be taken out of the sum, because the p_i sum to 1. A probability that is 0 in float32 adds
 * nothing, although its logarithm is infinite. Rounding may fall below 0; the result is at least 0. [rows, width] -> [rows]
 */
export function klDivergence(a: Tensor, b: Tensor): Tensor {
  const [rows, width] = a.shape
  const out = a.like([rows])
  for (let t = 0; t < rows; t++) {
    const [p, q] = [rowTotal(a.row(t)), rowTotal(b.row(t))]
    let sum = 0
    for (let i = 0; i < width; i++) {
      const [logP, logQ] = [a.row(t)[i] - p.largest, b.row(t)[i] - q.largest]
      if (Math.fround(Math.exp(logP)) !== 0) sum += Math.exp(logP) * (logP - logQ)
    }
    out.data[t] = Math.max(0, sum / p.total + Math.log(q.total) - Math.log(p.total))
  }
  return out
}
