import type { TextSpan } from '../backend.ts'
import type { AttentionSize } from '../checks.ts'
import { numbersLike, type Tensor } from '../tensor.ts'
import { forEachQuery } from './attention.ts'
import { softmaxRowBackward } from './softmax-backward.ts'

// Each line of attention.ts stands as a comment above its derivative. engine/ATTENTION.md derives them.

/**
 * P = softmax(S), S = Q K^T scale, so dS by softmax's rule, then dQ = dS K scale and dK = dS^T Q scale, a head at a time.
 * dP [heads, queries, longest] -> dQ [queries, width], dK [keys, width]
 */
export function attentionPatternBackward(
  dP: Tensor,
  pattern: Tensor,
  q: Tensor,
  k: Tensor,
  size: AttentionSize,
  texts: readonly TextSpan[],
  scale = 1 / Math.sqrt(size.dHead),
): [dQ: Tensor, dK: Tensor] {
  const { heads, width, dHead, queries, longest } = size
  const [dQ, dK] = [new Float64Array(q.data.length), new Float64Array(k.data.length)]
  const dS = numbersLike(dP.data, longest)
  for (let head = 0; head < heads; head++)
    forEachQuery(texts, (query, firstKey, visible) => {
      const row = (head * queries + query) * longest
      const ofRow = (x: Tensor) => x.data.subarray(row, row + visible)
      // softmaxRow(scores.subarray(0, visible), pattern.data.subarray(row, row + visible))
      softmaxRowBackward(ofRow(dP), ofRow(pattern), dS)
      for (let key = 0; key < visible; key++)
        for (let i = head * dHead; i < (head + 1) * dHead; i++) {
          const [atQ, atK] = [query * width + i, (firstKey + key) * width + i]
          // scores[key] = dot * scale
          // dot += q.data[query * width + i] * k.data[(firstKey + key) * width + i]
          dQ[atQ] += dS[key] * k.data[atK] * scale
          dK[atK] += dS[key] * q.data[atQ] * scale
        }
    })
  return [copied(dQ, q), copied(dK, k)]
}

/** Y = P V, so dP = dY V^T and dV = P^T dY, a head at a time; dP is 0 where a query may not look. */
export function attentionMixBackward(
  dY: Tensor,
  pattern: Tensor,
  v: Tensor,
  size: AttentionSize,
  texts: readonly TextSpan[],
): [dP: Tensor, dV: Tensor] {
  const { heads, width, dHead, queries, longest } = size
  const dP = pattern.like(pattern.shape)
  const dV = new Float64Array(v.data.length)
  for (let head = 0; head < heads; head++)
    forEachQuery(texts, (query, firstKey, visible) => {
      const row = (head * queries + query) * longest
      for (let key = 0; key < visible; key++) {
        let dot = 0
        for (let i = head * dHead; i < (head + 1) * dHead; i++) {
          const [atY, atV] = [query * width + i, (firstKey + key) * width + i]
          // sum += pattern.data[row + key] * v.data[(firstKey + key) * width + i]
          dot += dY.data[atY] * v.data[atV]
          dV[atV] += pattern.data[row + key] * dY.data[atY]
        }
        dP.data[row + key] = dot
      }
    })
  return [dP, copied(dV, v)]
}

/** Sums as a tensor of the shape and the kind of numbers that x has. */
function copied(sums: Float64Array, x: Tensor): Tensor {
  const tensor = x.like(x.shape)
  tensor.data.set(sums)
  return tensor
}
