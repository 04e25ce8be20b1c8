// Cross-entropy worked out on the host in float64, apart from the engine's op.
import type { Tensor } from '../../engine/tensor.ts'

/** log softmax(logits)[id] */
export function logProbability(logits: Float32Array, id: number): number {
  const max = logits.reduce((most, logit) => Math.max(most, logit), -Infinity)
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - max), 0)
  return logits[id] - max - Math.log(total)
}

/** Mean -log p(next token), nats, over every prediction but the last. logits [tokens, dVocab] of one text */
export function lossOfLogits(logits: Tensor, ids: readonly number[]): number {
  const losses = ids.slice(1).map((id, t) => -logProbability(logits.row(t), id))
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length
}
