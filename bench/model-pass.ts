// A timed pass through a model: its tokens, and the least that must be done.
import { sizeOf } from '../engine/tensor.ts'
import { bosOf, type Gpt2Config } from '../gpt2/config.ts'
import { weightShapes } from '../gpt2/weights.ts'
import type { Cost } from './rows.ts'

/** BOS, then `count - 1` tokens spread over the vocabulary, so that they read all parts of the embedding. */
export function spreadIds(config: Pick<Gpt2Config, 'bos' | 'dVocab'>, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i === 0 ? bosOf(config) : (i * 7919) % config.dVocab))
}

/** Every weight read once; each token through all blocks, the last one through the unembedding. Keys and values are not counted. */
export function passCost(config: Gpt2Config, tokens: number): Cost {
  let blocks = 0
  for (const [name, shape] of weightShapes(config)) if (name.startsWith('h.')) blocks += sizeOf(shape)
  const unembedding = config.dModel * config.dVocab
  return { flops: 2 * (blocks * tokens + unembedding), bytes: 4 * (blocks + unembedding) }
}
