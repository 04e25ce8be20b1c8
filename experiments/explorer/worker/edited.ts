import type { Tensor } from '../../../engine/tensor.ts'
import { run } from '../../../gpt2/model.ts'
import { decoderRows } from '../../../sae/decoder.ts'
import { liveEdit } from '../../../sae/edit.ts'
import { divergence, predictionOf } from '../../ablation/measure.ts'
import type { EditedLook, FeatureEdit, TopPerToken } from '../protocol.ts'
import { nextTokens } from './guesses.ts'
import { saeOf, type Model } from './model.ts'

/** The pass without the edit: its likeliest next tokens, and its logits [tokens, dVocab]. */
interface Clean {
  readonly next: TopPerToken
  readonly logits: Tensor
}

/** The same text read with one feature changed at every token but BOS. ids: BOS first; pause: called once a layer */
export async function lookAfterEdit(
  model: Model,
  ids: readonly number[],
  edit: FeatureEdit,
  clean: Clean,
  pause: () => Promise<void>,
): Promise<EditedLook> {
  const { config } = model.gpt2
  const sae = saeOf(model, edit.hook, edit.feature, 'edit')
  const direction = (await decoderRows(sae, [edit.feature])).row(0)
  const change = edit.kind === 'off' ? { kind: edit.kind, onFiring() {} } : edit
  const pauses = Array.from({ length: config.nLayers }, (_, layer) => [
    `blocks.${layer}.hook_resid_post`,
    pause,
  ])
  let found: EditedLook | undefined
  await run(model.gpt2, [ids], {
    ...(Object.fromEntries(pauses) as Record<string, typeof pause>),
    [edit.hook]: liveEdit(sae, edit.feature, direction, change),
    logits: async (x, ops) => {
      const probabilities = await ops.softmax(x)
      const nextAfter = chosen(await ops.download(probabilities), clean.next)
      const kl = divergences(clean.logits, await ops.download(x))
      const next = await nextTokens(ops, probabilities)
      const before = await ops.softmax(ops.upload(clean.logits))
      const nextBefore = chosen(await ops.download(before), next)
      found = { edit, next, nextBefore, nextAfter, kl }
    },
  })
  return found!
}

/** The probabilities of some ids a token. probabilities [tokens, dVocab] -> [tokens, perToken] */
function chosen(probabilities: Tensor, { perToken, indices }: TopPerToken): Float32Array {
  return Float32Array.from(indices, (id, i) => probabilities.row(Math.floor(i / perToken))[id])
}

/** KL(clean || edited) a token, in nats. logits [tokens, dVocab] */
function divergences(clean: Tensor, edited: Tensor): Float32Array {
  return Float32Array.from(
    { length: clean.shape[0] },
    (_, token) => divergence(predictionOf(clean.row(token)), edited.row(token)).kl,
  )
}
