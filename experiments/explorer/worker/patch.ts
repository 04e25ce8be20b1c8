// One text's activations put into the other's pass, place by place, and what that does to a logit.
import { answerOf, type LogitQuestion } from '../../../gpt2/attribution.ts'
import type { Hook } from '../../../gpt2/hooks.ts'
import { capture } from '../../../gpt2/model.ts'
import { answersWith, patcher, slotsOf, type Place } from '../../lab/analysis/intervene.ts'
import { align, matched } from '../align.ts'
import type { Patch, PatchedRow, Patching } from '../protocol.ts'
import { Fault } from './fault.ts'
import type { Model } from './model.ts'
import { tokenize } from './tokens.ts'

interface Asked {
  readonly text: string
  readonly other: string
  readonly patch: Patch
}

/**
 * What is about to be patched, then one row at a time: a layer, or one of its heads. Each number equals that of `npm run attribute`
 * with the text it comes from as --text and the one it is put into as --corrupted.
 * @param giveWay awaited between layers
 * @throws Fault for texts that are too long or the same, or an unknown token; whatever `giveWay` throws
 */
export async function* patchRows(
  model: Model,
  { text, other, patch }: Asked,
  giveWay: () => Promise<void>,
): AsyncGenerator<Patching | PatchedRow, void> {
  const { gpt2 } = model
  const { config } = gpt2
  const both = [tokenize(model, text), tokenize(model, other)]
  const [from, into] = patch.into === 'other' ? both : both.toReversed()
  const places = placesOf(both[0], both[1], patch.into)
  const hooks = Array.from({ length: config.nLayers }, (_, layer) => `blocks.${layer}.${patch.site}`)
  const [source, own] = [
    await capture(gpt2, [from], [...hooks, 'logits']),
    await capture(gpt2, [into], [...hooks, 'logits']),
  ]
  const [sourceLogits, ownLogits] = [
    source.get('logits')!.row(from.length - 1),
    own.get('logits')!.row(into.length - 1),
  ]
  const target = patch.target ?? sourceLogits.indexOf(Math.max(...sourceLogits))
  const { against } = patch
  checkTokens(config.dVocab, target, against)
  const question: LogitQuestion = { target, against: against ?? undefined }
  const before = answerOf(ownLogits, question)
  const slots = slotsOf(patch.site, config)
  const asked = against === null ? [target] : [target, against]
  yield {
    ...{ target, against, before, places },
    source: answerOf(sourceLogits, question),
    names: new Map(asked.map((id) => [id, model.nameOf(id)])),
    rows: hooks.length * slots.length,
  }
  const pauses = pausesOf(config.nLayers, giveWay)
  for (const [layer, hook] of hooks.entries())
    for (const slot of slots) {
      const put = patcher(own.get(hook)!, source.get(hook)!, slot, places)
      const interventions = { hook, shape: own.get(hook)!.shape, count: places.length, put }
      const answers = await answersWith(gpt2, into, question, interventions, undefined, pauses)
      yield { layer, head: slot.head, effects: answers.map((answer) => answer - before) }
    }
}

/** @throws Fault if nothing differs */
function placesOf(ids: readonly number[], otherIds: readonly number[], into: Patch['into']): Place[] {
  const columns = align(ids, otherIds)
  const first = columns.findIndex(({ same }) => !same)
  if (first < 0)
    throw new Fault(
      'pair',
      'Both texts are the same tokens: there is nothing to put from one into the other.',
      'Change a word of one of them.',
    )
  return matched(columns.slice(first)).map(({ text, other }) =>
    into === 'other' ? { from: text, into: other } : { from: other, into: text },
  )
}

/** @throws Fault */
function checkTokens(dVocab: number, target: number, against: number | null): void {
  for (const id of [target, against ?? target])
    if (id >= dVocab)
      throw new Fault(
        'pair',
        `The model has no token ${id}.`,
        `Its tokens have the numbers 0 to ${dVocab - 1}.`,
      )
  if (target === against)
    throw new Fault(
      'pair',
      'A token’s logit minus itself is 0, whatever is put where.',
      'Choose two different tokens.',
    )
}

function pausesOf(layers: number, giveWay: () => Promise<void>): Record<string, Hook> {
  return Object.fromEntries(
    Array.from({ length: layers }, (_, layer) => [`blocks.${layer}.hook_resid_post`, () => giveWay()]),
  )
}
