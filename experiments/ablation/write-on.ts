import { setImmediate } from 'node:timers/promises'
import type { HookTable } from '../../gpt2/hooks.ts'
import { generate } from '../../gpt2/generate.ts'
import { releaseSae } from '../../sae/weights.ts'
import type { OpenModel } from '../common/models.ts'
import { createProgress } from '../common/progress.ts'
import { directionsOf, lengthOf, liveEdit } from './edits.ts'
import type { Generation, TestedFeature } from './results.ts'

export interface WriteOptions {
  readonly prompt: string
  readonly tokens: number
  /** How many specialists, strongest effect on their own category first. */
  readonly specialists: number
}

/** The specialists whose removal costs their own category most, each once. */
export function strongestSpecialists(features: readonly TestedFeature[], count: number): TestedFeature[] {
  const cost = ({ removed, category }: TestedFeature) => removed[category].loss
  const ranked = features.filter(({ kind }) => kind === 'specialist').toSorted((a, b) => cost(b) - cost(a))
  const same = (a: TestedFeature) => (b: TestedFeature) => a.layer === b.layer && a.feature === b.feature
  return ranked.filter((one, i) => ranked.findIndex(same(one)) === i).slice(0, count)
}

/** Writes on from the prompt, always with the most probable token: as it is, with a feature turned off, and turned up. */
export async function writeOn(
  model: OpenModel,
  features: readonly TestedFeature[],
  hookOf: (layer: number) => string,
  { prompt, tokens, specialists }: WriteOptions,
  quiet: boolean,
): Promise<Generation[]> {
  const chosen = strongestSpecialists(features, specialists)
  using progress = createProgress({ label: 'writing', total: 1 + 2 * chosen.length, unit: 'texts', quiet })
  const ids = model.tokenize(prompt)
  const write = async (hooks: HookTable): Promise<string> => {
    const made: number[] = []
    for await (const id of generate(model.gpt2, ids, tokens, { temperature: 0, hooks })) {
      made.push(id)
      await setImmediate() // Ctrl-C is heard between tokens
    }
    progress.step()
    return model.tokenizer.decode(made)
  }
  const as_it_is = await write({})
  const generations: Generation[] = []
  for (const { layer, feature, category, steering_length } of chosen) {
    const hook = hookOf(layer)
    const sae = await model.openSae(hook)
    const [direction] = await directionsOf(model.gpt2.ops, sae, [feature])
    let fires = false
    const off = await write({
      [hook]: liveEdit(sae, feature, direction, { kind: 'off', onFiring: () => (fires = true) }),
    })
    const coefficient = steering_length / lengthOf(direction)
    const up = await write({ [hook]: liveEdit(sae, feature, direction, { kind: 'up', coefficient }) })
    releaseSae(sae)
    generations.push({ layer, feature, category, prompt, fires, as_it_is, off, up })
  }
  return generations
}
