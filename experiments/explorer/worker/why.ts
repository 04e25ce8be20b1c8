// Why the model would say a token next: what each of its parts adds to the logit, and what the logit is without one.
import { sparseRow } from '../../../engine/sparse.ts'
import { answerOf, directAttribution, type LogitQuestion } from '../../../gpt2/attribution.ts'
import type { Hook } from '../../../gpt2/hooks.ts'
import { capture, run } from '../../../gpt2/model.ts'
import { takeApart } from '../../../sae/attribution.ts'
import { directShares } from '../../lab/analysis/features/direct-shares.ts'
import type { Change } from '../../lab/models/changes.ts'
import type { SaeReasons, TokenChoice, Why, WhyQuestion } from '../protocol.ts'
import { editHooks } from './edit-hooks.ts'
import { Fault } from './fault.ts'
import type { Model } from './model.ts'
import { tokenize } from './tokens.ts'

/** How many neurons are sent, of all layers together. */
const NEURONS = 12

/**
 * The logit of a token after a position, in the parts that add up to it, as `npm run attribute` finds them. `giveWay` is awaited
 * between steps, and may throw to give up the work.
 * @throws Fault if there is no such token, or the text is too long
 */
export async function explainToken(
  model: Model,
  asked: WhyQuestion,
  giveWay: () => Promise<void>,
): Promise<Why> {
  const { gpt2, saes } = model
  const ids = idsOf(model, asked)
  const question = await questionOf(model, ids, asked)
  const { logit, sum, parts, layers, reader } = await directAttribution(gpt2, ids, question)
  await giveWay()
  const hooks = saes.flatMap((sae) => (sae ? [sae.config.hookName, sae.config.hookNameOut] : []))
  const seen = await capture(gpt2, [ids], [...new Set(hooks)])
  const reasons: SaeReasons[] = []
  for (const [layer, sae] of saes.entries()) {
    if (sae === undefined) continue
    await giveWay()
    const output = seen.get(sae.config.hookNameOut)!
    const apart = await takeApart(sae, seen.get(sae.config.hookName)!, output)
    const { shares, share } = await directShares(gpt2, sae, apart, output, reader)
    const last = ids.length - 1
    const { indices, values } = sparseRow(apart.features, last)
    const own = shares.subarray(apart.features.offsets[last])
    // BOS's features are never shown, so not here either.
    const features = Array.from(indices, (feature, i) => ({ feature, activation: values[i], effect: own[i] }))
    reasons.push({ layer, ...share, entries: last === 0 ? [] : features })
  }
  const part = (name: string): number => parts.get(name)!
  const neurons = layers.flatMap(({ neurons }, layer) =>
    Array.from(neurons, (effect, neuron) => ({ layer, neuron, effect })),
  )
  const named = (id: number) => ({ id, shown: model.nameOf(id) })
  const { target, against } = question
  return {
    ...{ target: named(target), against: typeof against === 'number' ? named(against) : null },
    ...{ logit, sum, embedding: part('hook_embed'), position: part('hook_pos_embed') },
    bias: part('ln_final.bias'),
    layers: layers.map(({ heads, sources, attentionBias, mlpBias }, layer) => ({
      attention: part(`blocks.${layer}.hook_attn_out`),
      mlp: part(`blocks.${layer}.hook_mlp_out`),
      ...{ heads, sources, attentionBias, mlpBias },
    })),
    neurons: neurons.sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect)).slice(0, NEURONS),
    saes: reasons,
  }
}

/**
 * What the logit loses when each of some changes is made alone, at every token of the text, told as it is found.
 * @throws Fault as explainToken does, and for a change to something that does not exist
 */
export async function explainWithout(
  model: Model,
  asked: WhyQuestion,
  changes: readonly Change[],
  tell: (change: Change, loss: number) => void,
  giveWay: () => Promise<void>,
): Promise<void> {
  const ids = idsOf(model, asked)
  const question = await questionOf(model, ids, asked)
  const answerWith = async (edit: readonly Change[]): Promise<number> => {
    let answer = NaN
    const logits: Hook = async (x, ops) => void (answer = answerOf((await ops.download(x)).row(0), question))
    await run(model.gpt2, [ids], { ...(await editHooks(model, edit)), logits }, { lastOnly: true })
    return answer
  }
  const whole = await answerWith([])
  for (const change of changes) {
    await giveWay()
    tell(change, whole - (await answerWith([change])))
  }
}

/** The text's tokens up to the position in question: what follows does not matter to it. */
function idsOf(model: Model, { text, position }: WhyQuestion): number[] {
  return tokenize(model, text).slice(0, position + 1)
}

/** Without a target, the likeliest token. */
async function questionOf(
  model: Model,
  ids: readonly number[],
  asked: Pick<WhyQuestion, 'target' | 'against'>,
): Promise<LogitQuestion> {
  const target = asked.target === null ? await likeliest(model, ids) : tokenOf(model, asked.target)
  if (asked.against === null) return { target }
  const against = tokenOf(model, asked.against)
  if (against === target)
    throw new Fault(
      'why',
      `Both tokens are ${JSON.stringify(model.nameOf(target))}: their logits differ by 0.`,
      'Compare it with another token.',
    )
  return { target, against }
}

async function likeliest({ gpt2 }: Model, ids: readonly number[]): Promise<number> {
  const logits = (await capture(gpt2, [ids], ['logits'], { lastOnly: true })).get('logits')!.data
  return logits.indexOf(Math.max(...logits))
}

/** @throws Fault unless it is one token of the vocabulary */
function tokenOf({ tokenizer, gpt2: { config } }: Model, choice: TokenChoice): number {
  const advice = 'Most words are one token with a space before them: “ range”.'
  if (typeof choice === 'number') {
    if (choice < config.dVocab) return choice
    throw new Fault('why', `There is no token ${choice}.`, `There are tokens 0 to ${config.dVocab - 1}.`)
  }
  const ids = tokenizer.encode(choice)
  if (ids.length === 1) return ids[0]
  const pieces = tokenizer.pieces(ids).map((piece) => `“${piece}”`)
  const found = ids.length === 0 ? 'no token' : `${ids.length} tokens: ${pieces.join(' ')}`
  throw new Fault('why', `“${choice}” is ${found}; the question is about one.`, advice)
}
