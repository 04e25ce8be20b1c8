// Continuations of a prompt, with a feature as it is, turned off, and turned up.
import { setImmediate } from 'node:timers/promises'
import type { HookTable } from '../../gpt2/hooks.ts'
import { generate } from '../../gpt2/generate.ts'
import { layerOf } from '../lab/models/hooks.ts'
import { withSae, type OpenModel } from '../lab/models/models.ts'
import { tokenizePrompt } from '../lab/texts/tokenize-texts.ts'
import { createProgress } from '../lab/cli/progress.ts'
import { decoderRows } from '../../sae/decoder.ts'
import { lengthOf, liveEdit } from '../../sae/edit.ts'
import type { Generation, TestedFeature } from './effects.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

interface ContinuationOptions {
  /** Left out, each feature has its own: the start of a text, up to the token at which it fires most. */
  readonly prompt?: string
  readonly tokens: number
  /** How many specialists, strongest effect on their own category first. */
  readonly specialists: number
}

/** The specialists whose removal costs their own category most, each once. */
export function strongestSpecialists(features: readonly TestedFeature[], count: number): TestedFeature[] {
  const cost = ({ removed, category }: TestedFeature) => ofCategory(removed, category).loss
  const ranked = features.filter(({ kind }) => kind === 'specialist').toSorted((a, b) => cost(b) - cost(a))
  const same = (a: TestedFeature) => (b: TestedFeature) => a.layer === b.layer && a.feature === b.feature
  return ranked.filter((one, i) => ranked.findIndex(same(one)) === i).slice(0, count)
}

/**
 * Continues a prompt, always with the most probable token: as it is, with a feature turned off, and turned up.
 * @param texts ids with BOS, for prompts
 */
export async function continueTexts(
  model: OpenModel,
  texts: readonly (readonly number[])[],
  features: readonly TestedFeature[],
  hooks: readonly string[],
  { prompt, tokens, specialists }: ContinuationOptions,
  quiet: boolean,
): Promise<Generation[]> {
  const own = prompt === undefined ? null : tokenizePrompt(model, { text: prompt, name: '--generate' })
  const promptOf = ({ strongest }: TestedFeature): readonly number[] | null =>
    own ?? (strongest && texts[strongest.text].slice(0, strongest.position + 1))
  const chosen = strongestSpecialists(
    features.filter((one) => promptOf(one) !== null),
    specialists,
  )
  using progress = createProgress({ label: 'writing', total: 3 * chosen.length, unit: 'texts', quiet })
  const continued = async (ids: readonly number[], hooks: HookTable): Promise<string> => {
    const decode = decodePrompt(model, ids).decode
    let text = ''
    for await (const id of generate(model.gpt2, ids, tokens, { temperature: 0, hooks })) {
      text += decode(id)
      await setImmediate() // Ctrl-C is heard between tokens
    }
    progress.step()
    return text + decode()
  }
  const generations: Generation[] = []
  for (const one of chosen) {
    const { layer, feature, category, steering_length, strongest } = one
    const ids = promptOf(one)!
    const hook = hooks.find((one) => layerOf(one) === layer)!
    let fires = false
    const continuations = await withSae(model, hook, async (sae) => {
      const direction = (await decoderRows(sae, [feature])).row(0)
      const off = liveEdit(sae, feature, direction, { kind: 'off', onFiring: () => (fires = true) })
      const coefficient = steering_length / lengthOf(direction)
      const up = liveEdit(sae, feature, direction, { kind: 'up', coefficient })
      return {
        as_it_is: await continued(ids, {}),
        off: await continued(ids, { [hook]: off }),
        up: await continued(ids, { [hook]: up }),
      }
    })
    const text = own === null && strongest ? strongest.text : null
    const { prompt } = decodePrompt(model, ids)
    generations.push({ layer, feature, category, prompt, text, fires, ...continuations })
  }
  return generations
}

/**
 * A prompt as text, and what decodes its continuation. A character that the prompt begins and the continuation completes
 * belongs to the continuation.
 * @param ids BOS first
 */
export function decodePrompt({ tokenizer }: Pick<OpenModel, 'tokenizer'>, ids: readonly number[]) {
  const decode = tokenizer.stream()
  const prompt = ids
    .slice(1)
    .map((id) => decode(id))
    .join('')
  return { prompt, decode }
}
