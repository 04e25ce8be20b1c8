// The same text read again with changes to the model, and how far that moved the guesses.
import type { DeviceTensor } from '../../../engine/backend.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import type { Hook } from '../../../gpt2/hooks.ts'
import { run } from '../../../gpt2/model.ts'
import type { Change } from '../../lab/models/changes.ts'
import type { EditedRun, TopPerToken } from '../protocol.ts'
import { editHooks } from './edit-hooks.ts'
import { KEPT, strongest } from './guesses.ts'
import type { Model } from './model.ts'

/** Called and awaited as a layer begins, with the number of layers read. @throws to give up the run */
export type OnLayer = (done: number) => Promise<void>

/** The end of the pass without the edit: its likeliest next tokens; its logits and probabilities, [tokens, dVocab]. */
export interface CleanPass {
  readonly next: TopPerToken
  readonly logits: DeviceTensor
  readonly probabilities: Tensor
}

/** The text read by the model as the edit makes it. ids: BOS first. @throws as editHooks does */
export async function runEdited(
  model: Model,
  ids: readonly number[],
  edit: readonly Change[],
  clean: CleanPass,
  onLayer: OnLayer,
): Promise<EditedRun> {
  const { config } = model.gpt2
  const pauses: Record<string, Hook> = {}
  for (let layer = 0; layer < config.nLayers; layer++)
    pauses[`blocks.${layer}.hook_resid_post`] = () => onLayer(config.nLayers)
  let found: EditedRun | undefined
  await run(model.gpt2, [ids], {
    ...pauses,
    ...(await editHooks(model, edit)),
    logits: async (x, ops) => {
      const probabilities = await ops.softmax(x)
      const next = await strongest(ops, probabilities, KEPT.next)
      const nextBefore = chosen(clean.probabilities, next)
      const nextAfter = chosen(await ops.download(probabilities), clean.next)
      const kl = await ops.download(await ops.klDivergence(clean.logits, x))
      found = { edit, next, nextBefore, nextAfter, kl: kl.data }
    },
  })
  return found!
}

/** The probabilities of some ids per token. probabilities [tokens, dVocab] -> [tokens, perToken] */
function chosen(probabilities: Tensor, { perToken, indices }: TopPerToken): Float32Array {
  return Float32Array.from(indices, (id, i) => probabilities.row(Math.floor(i / perToken))[id])
}
