// How well next tokens are predicted.
import type { Tensor } from '../engine/tensor.ts'

/**
 * Mean cross-entropy in nats a token: -log p(next token | those before), over every prediction but the
 * last, which has no answer; the one made at BOS counts. logits [tokens, dVocab], ids [tokens]; sums in float64.
 */
export function meanLoss(logits: Tensor, ids: readonly number[]): number {
  if (logits.shape[0] !== ids.length || ids.length < 2)
    throw new Error(
      `meanLoss: ${ids.length} ids and logits for ${logits.shape[0]} tokens; both must be equal, at least 2`,
    )
  let loss = 0
  for (let t = 0; t + 1 < ids.length; t++) loss -= logProbability(logits.row(t), ids[t + 1])
  return loss / (ids.length - 1)
}

/** log softmax(logits)[id] */
export function logProbability(logits: Float32Array, id: number): number {
  let max = -Infinity
  for (const logit of logits) max = Math.max(max, logit)
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - max)
  return logits[id] - max - Math.log(sum)
}
