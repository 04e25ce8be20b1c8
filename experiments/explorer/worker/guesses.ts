import type { Backend, DeviceTensor } from '../../../engine/backend.ts'
import type { TopPerToken } from '../protocol.ts'
import type { Model } from './model.ts'

/** How many are given a token: neurons, guesses of the logit lens, next tokens. */
const [NEURONS, LENS, NEXT] = [12, 5, 10]

/** The logit lens (nostalgebraist 2020): what the model would say if it stopped here. x, a stream [tokens, dModel] */
export async function logitLens(ops: Backend, { gpt2 }: Model, x: DeviceTensor): Promise<TopPerToken> {
  const normalized = await ops.layerNorm(x, gpt2.weights.ln_f, gpt2.config.eps) // [tokens, dModel]
  const logits = await ops.linear(normalized, gpt2.weights.wte) // [tokens, dVocab]
  return strongest(ops, await ops.softmax(logits), LENS)
}

/** The likeliest next tokens after each position. probabilities [tokens, dVocab] */
export async function nextTokens(ops: Backend, probabilities: DeviceTensor): Promise<TopPerToken> {
  return strongest(ops, probabilities, NEXT)
}

/** The most active neurons of an MLP. x [tokens, dMlp], after GELU, whose negative side ends at -0.17 */
export async function activeNeurons(ops: Backend, x: DeviceTensor): Promise<TopPerToken> {
  return strongest(ops, x, NEURONS)
}

async function strongest(ops: Backend, x: DeviceTensor, most: number): Promise<TopPerToken> {
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
