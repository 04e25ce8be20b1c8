import type { TextSpan } from '../backend.ts'
import type { AttentionSize } from '../checks.ts'
import type { Tensor } from '../tensor.ts'
import { softmaxRow } from './softmax.ts'

/**
 * How much each query looks at each key, a head at a time: softmax over the keys up to its own of
 * q . k times `scale`, 1 / sqrt(dHead) if left out. What lies ahead gets exactly 0.
 * -> [heads, queries, longest]
 */
export function attentionPattern(
  q: Tensor,
  k: Tensor,
  size: AttentionSize,
  texts: readonly TextSpan[],
  scale = 1 / Math.sqrt(size.dHead),
): Tensor {
  const { heads, width, dHead, queries, longest } = size
  const pattern = q.like([heads, queries, longest])
  const scores = new Float64Array(longest)
  for (let head = 0; head < heads; head++)
    forEachQuery(texts, (query, firstKey, visible) => {
      // The bound is all that "causal" means: rows grow by one key each, and the pattern is a triangle.
      for (let key = 0; key < visible; key++) {
        let dot = 0
        for (let i = head * dHead; i < (head + 1) * dHead; i++)
          dot += q.data[query * width + i] * k.data[(firstKey + key) * width + i]
        // dHead products of variance 1 sum to a variance of dHead: divided by its root, the spread is 1 for heads of any size.
        scores[key] = dot * scale
      }
      const row = (head * queries + query) * longest
      softmaxRow(scores.subarray(0, visible), pattern.data.subarray(row, row + visible))
    })
  return pattern
}

/** Each query's mixture of the values it looks at: pattern x v, a head at a time. -> [queries, width] */
export function attentionMix(
  pattern: Tensor,
  v: Tensor,
  size: AttentionSize,
  texts: readonly TextSpan[],
): Tensor {
  const { heads, width, dHead, queries, longest } = size
  const out = v.like([queries, width])
  for (let head = 0; head < heads; head++)
    forEachQuery(texts, (query, firstKey, visible) => {
      const row = (head * queries + query) * longest
      for (let i = head * dHead; i < (head + 1) * dHead; i++) {
        let sum = 0
        for (let key = 0; key < visible; key++)
          sum += pattern.data[row + key] * v.data[(firstKey + key) * width + i]
        out.data[query * width + i] = sum
      }
    })
  return out
}

/** Calls `visit` with each query's row, its text's first key row, and how many keys it may look at. */
export function forEachQuery(
  texts: readonly TextSpan[],
  visit: (query: number, firstKey: number, visible: number) => void,
): void {
  let query = 0
  let firstKey = 0
  for (const text of texts) {
    const past = text.keys - text.queries // keys from the cache, before the first query
    for (let i = 0; i < text.queries; i++) visit(query++, firstKey, past + i + 1)
    firstKey += text.keys
  }
}
