// Continuing a prompt, one token at a time.
import { createRandom } from '../engine/random.ts'
import type { LayerCache } from './attention.ts'
import type { Hook, HookTable } from './hooks.ts'
import { run, type Gpt2 } from './model.ts'

/** How the next token is drawn, and which changes are made to the model meanwhile. */
export interface SamplingOptions {
  /** Divides the logits: below 1 is more cautious, above 1 wilder; 0 always takes the most probable token (greedy). */
  readonly temperature?: number
  /** Draw from the k most probable tokens only. */
  readonly topK?: number
  /** Draw from the fewest tokens whose probabilities reach p in all (nucleus sampling, Holtzman et al. 2019). */
  readonly topP?: number
  /** Same seed, same text. */
  readonly seed?: number
  /** Interventions: they see the rows of the prompt, then one row per token. */
  readonly hooks?: HookTable
}

/** A token that may come next. */
interface Candidate {
  readonly id: number
  readonly logit: number
}

/**
 * Continues a prompt, one token at a time: the prompt goes through once (prefill), then each new token
 * alone (decode), with the keys and values of all tokens before it in a cache. Ends after `maxNewTokens`,
 * at <|endoftext|>, or at the model's last position.
 * @param prompt ids with BOS; yields one id at a time
 * @throws for an option out of its range, and whatever `run` throws
 */
export async function* generate(
  model: Gpt2,
  prompt: readonly number[],
  maxNewTokens: number,
  options: SamplingOptions = {},
): AsyncGenerator<number, void> {
  checkOptions(options)
  const { config } = model
  const random = createRandom(options.seed ?? 0)
  const kept = options.temperature === 0 ? 1 : Math.min(options.topK ?? config.dVocab, config.dVocab)
  const cache = createCaches(model)
  try {
    let next = [...prompt]
    for (let made = 0; made < maxNewTokens; made++) {
      if (made > 0 && prompt.length + made > config.nCtx) return
      const candidates = await nextCandidates(model, next, cache, kept, options.hooks ?? {})
      const id = draw(candidates, options, random.number())
      if (id === config.bos) return
      yield id
      next = [id]
    }
  } finally {
    for (const { keys, values } of cache) for (const rows of [keys, values]) model.ops.release(rows)
  }
}

/** The k most probable tokens after `ids`, most probable first. */
async function nextCandidates(
  model: Gpt2,
  ids: readonly number[],
  cache: readonly LayerCache[],
  k: number,
  hooks: HookTable,
): Promise<Candidate[]> {
  let candidates: Candidate[] = []
  const read: Hook = async (logits, ops) => {
    const [{ indices, values }] = await ops.topK(logits, k)
    candidates = Array.from(indices, (id, i) => ({ id, logit: values[i] }))
  }
  const last = [...[hooks.logits ?? []].flat(), read]
  await run(model, [ids], { ...hooks, logits: last }, { cache, lastOnly: true })
  return candidates
}

/**
 * Draws a token from softmax(logits / temperature). Dividing by less than 1 widens the gaps between logits, so that likely tokens
 * become likelier. `random`, from 0 to 1, picks a point on the kept candidates' probabilities laid end to end.
 */
export function draw(candidates: readonly Candidate[], options: SamplingOptions, random: number): number {
  const { temperature = 1, topP = 1 } = options
  if (temperature === 0) return candidates[0].id
  const weights = candidates.map(({ logit }) => Math.exp((logit - candidates[0].logit) / temperature))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let kept = 0
  let mass = 0
  while (kept < weights.length && mass < topP * total) mass += weights[kept++]
  let at = random * mass
  for (let i = 0; i < kept; i++) {
    at -= weights[i]
    if (at < 0) return candidates[i].id
  }
  return candidates[Math.max(0, kept - 1)].id // rounding left `at` at zero
}

function createCaches({ config, ops }: Gpt2): LayerCache[] {
  return Array.from({ length: config.nLayers }, () => ({
    keys: ops.createCache(config.nCtx, config.dModel),
    values: ops.createCache(config.nCtx, config.dModel),
  }))
}

function checkOptions({ temperature = 1, topK = 1, topP = 1 }: SamplingOptions): void {
  if (!(temperature >= 0)) throw new Error(`generate: temperature must be 0 or more, got ${temperature}`)
  if (!Number.isInteger(topK) || topK < 1)
    throw new Error(`generate: topK must be a whole number from 1, got ${topK}`)
  if (!(topP > 0 && topP <= 1)) throw new Error(`generate: topP must be above 0 and at most 1, got ${topP}`)
}
