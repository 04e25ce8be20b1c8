// GPT-2 small at full size, weights from a formula, as cases: on a GPU in a browser, whose page fetches the reference.
import type { Backend } from '../../engine/backend.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { gpt2Small } from '../../gpt2/config.ts'
import { loadGpt2, run, type Gpt2 } from '../../gpt2/model.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import { passCost, spreadIds } from '../model-pass.ts'
import type { OpCase } from './case.ts'

/** Texts of these lengths through the whole model; only the last token's logits are computed and read back. */
export function prefillCases(counts: readonly number[]): OpCase[] {
  let model: Gpt2 | undefined
  return counts.map((tokens) => ({
    work: 'prefill',
    shape: String(tokens),
    cost: passCost(gpt2Small, tokens),
    verified: true,
    async prepare(ops) {
      model ??= await loadVerified(ops)
      return () => lastLogits(model!, spreadIds(gpt2Small, tokens))
    },
  }))
}

/** The part used here of an independent implementation's float64 outputs. */
export interface Reference {
  readonly prompts: readonly {
    readonly name: string
    readonly ids: readonly number[]
    readonly last_logits_top10: { readonly ids: readonly number[]; readonly values: readonly number[] }
  }[]
}

async function loadVerified(ops: Backend): Promise<Gpt2> {
  const response = await fetch('/test/reference/synthetic/reference.json')
  const model = await loadGpt2(ops, syntheticWeights(), gpt2Small)
  await checkLogits(model, (await response.json()) as Reference)
  return model
}

/** @throws if its logits on a prompt are not within 1e-4 of the reference's */
export async function checkLogits(model: Gpt2, { prompts }: Reference): Promise<void> {
  const { ids, last_logits_top10: top } = prompts.find(({ name }) => name === 'one')!
  const { data } = await lastLogits(model, ids)
  for (const [rank, id] of top.ids.entries())
    if (!(Math.abs(data[id] - top.values[rank]) <= 1e-4))
      throw new Error(
        `${model.ops.name} (${model.ops.mode}): prefill: wrong result, nothing is timed: logit ${id} is ${data[id]}, ` +
          `the reference has ${top.values[rank]}`,
      )
}

/** -> [1, vocabulary] */
async function lastLogits(model: Gpt2, ids: readonly number[]): Promise<Tensor> {
  let logits: Tensor | undefined
  const keep: Parameters<typeof run>[2][string] = async (x, ops) => void (logits = await ops.download(x))
  await run(model, [ids], { logits: keep }, { lastOnly: true })
  return logits!
}
