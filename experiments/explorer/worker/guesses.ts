// The few strongest of a token's neurons and guesses, which the worker keeps.
import type { Backend, DeviceTensor } from '../../../engine/backend.ts'
import type { TopPerToken } from '../protocol.ts'
import type { Model } from './model.ts'

/** How many are kept per token. */
export const KEPT = { neurons: 12, lens: 5, next: 10 }

/**
 * The logit lens (nostalgebraist 2020): what the model would say if it stopped here.
 * x, a stream [tokens, dModel] -> probabilities [tokens, dVocab]
 */
export async function logitLens(ops: Backend, { gpt2 }: Model, x: DeviceTensor): Promise<DeviceTensor> {
  const normalized = await ops.layerNorm(x, gpt2.weights.ln_f, gpt2.config.eps) // [tokens, dModel]
  const logits = await ops.linear(normalized, gpt2.weights.lm_head) // [tokens, dVocab]
  return ops.softmax(logits)
}

/** The largest `most` of each row. x [tokens, width] */
export async function strongest(ops: Backend, x: DeviceTensor, most: number): Promise<TopPerToken> {
  const [tokens, width] = x.shape
  const perToken = Math.min(most, width)
  const indices = new Uint32Array(tokens * perToken)
  const values = new Float32Array(tokens * perToken)
  for (const [token, top] of (await ops.topK(x, perToken)).entries()) {
    indices.set(top.indices, token * perToken)
    values.set(top.values, token * perToken)
  }
  return { perToken, indices, values }
}

/** The first few of each token's strongest. */
export function first({ perToken, indices, values }: TopPerToken, most: number): TopPerToken {
  const kept = Math.min(most, perToken)
  const isKept = (_: number, i: number) => i % perToken < kept
  return { perToken: kept, indices: indices.filter(isKept), values: values.filter(isKept) }
}
