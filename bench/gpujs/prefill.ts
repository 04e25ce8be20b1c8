import type { Backend } from '../../engine/backend.ts'
import { gpt2Small } from '../../gpt2/config.ts'
import { loadGpt2, run, type Gpt2 } from '../../gpt2/model.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import type { Cost } from '../rows.ts'

/** What is used of test/reference/synthetic/reference.json: float64 outputs of an independent implementation. */
export interface SyntheticPrompt {
  readonly name: string
  readonly ids: readonly number[]
  readonly last_logits_top10: { readonly ids: readonly number[]; readonly values: readonly number[] }
}

/** GPT-2 small at full size, weights from a formula. @throws if its logits on a prompt are not the reference's to 1e-4 */
export async function loadVerified(
  ops: Backend,
  { ids, last_logits_top10: top }: SyntheticPrompt,
): Promise<Gpt2> {
  const model = await loadGpt2(ops, syntheticWeights(), gpt2Small)
  const logits = await lastLogits(model, ids)
  for (const [rank, id] of top.ids.entries())
    if (!(Math.abs(logits[id] - top.values[rank]) <= 1e-4))
      throw new Error(
        `${ops.name} (${ops.mode}): prefill: wrong result, nothing is timed: logit ${id} is ${logits[id]}, the reference has ${top.values[rank]}`,
      )
  return model
}

/** What a pass must do at the least: each weight of the blocks for each token, the unembedding for one; attention left out. */
export function prefillCost(tokens: number): Cost {
  const { nLayers, dModel, dMlp, dVocab } = gpt2Small
  const blocks = nLayers * (4 * dModel * dModel + 2 * dModel * dMlp)
  const unembedding = dModel * dVocab
  return { flops: 2 * (tokens * blocks + unembedding), bytes: 4 * (blocks + unembedding) }
}

/** A text of `tokens` tokens through the whole model; only the last token's logits are computed and read back. */
export function prefill(model: Gpt2, tokens: number): Promise<Float32Array> {
  return lastLogits(
    model,
    Array.from({ length: tokens }, (_, t) => (t * 7919) % gpt2Small.dVocab),
  )
}

async function lastLogits(model: Gpt2, ids: readonly number[]): Promise<Float32Array> {
  let logits: Float32Array = new Float32Array(0)
  const keep = async (x: Parameters<Backend['download']>[0], ops: Backend) => {
    logits = (await ops.download(x)).data
  }
  await run(model, [ids], { logits: keep }, { lastOnly: true })
  return logits
}
