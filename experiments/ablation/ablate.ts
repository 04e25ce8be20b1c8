// Chooses features, takes them out and turns them up, and measures what that does.
import { setImmediate } from 'node:timers/promises'
import { createRandom } from '../../engine/random.ts'
import { meanFeatures } from '../../sae/pooling.ts'
import { analyseLayer } from '../lab/analysis/analyse-layer.ts'
import type { Category } from '../lab/analysis/input.ts'
import { resolveThreshold, type ThresholdSpec } from '../lab/analysis/threshold.ts'
import { featureColumns, type FeatureColumn } from '../lab/models/features.ts'
import { forEachLayer } from '../lab/models/layers.ts'
import type { OpenModel } from '../lab/models/models.ts'
import { createProgress } from '../lab/cli/progress.ts'
import { mean, shuffle, sum } from '../lab/analysis/statistics.ts'
import { UserError } from '../lab/cli/user-error.ts'
import { chooseFeatures } from './choose.ts'
import { contrasts, correlations } from './conclude.ts'
import { decoderRows } from '../../sae/decoder.ts'
import { lengthOf, removal, steering, type Edit } from '../../sae/edit.ts'
import { measureEdits, type Measured } from './measure.ts'
import type { AblationResults, CategoryEffect, ChosenFeature, Effect, TestedFeature } from './effects.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

/** Texts as token ids with BOS, and which rows make up each category. */
interface Texts {
  readonly ids: readonly (readonly number[])[]
  readonly categories: readonly Category[]
}

interface Settings {
  readonly threshold: ThresholdSpec
  readonly textsPerCategory: number
  readonly random: number
  readonly strength: number
  readonly resamples: number
  readonly seed: number
}

/** A chosen feature and what is to be done with it. */
interface Planned {
  readonly chosen: ChosenFeature & Pick<TestedFeature, 'layer' | 'strongest'>
  readonly remove: Edit
  readonly steer: Edit
}

/**
 * Chooses features on all texts, then measures on some of each category what removing them, and steering with them,
 * does to the model's predictions. -> everything but the written samples
 */
export async function ablate(
  model: OpenModel,
  texts: Texts,
  hooks: readonly string[],
  settings: Settings,
  quiet: boolean,
): Promise<AblationResults> {
  const chosen = chooseTexts(texts.categories, settings)
  const rows = chosen.flatMap(({ rows }) => rows)
  const { planned, without } = await planLayers(model, texts, hooks, rows, settings, quiet)
  if (planned.length === 0)
    throw new UserError('no feature fires in any of the texts: there is nothing to remove')
  const ids = rows.map((row) => texts.ids[row])
  const edits = planned.flatMap(({ remove, steer }) => [remove, steer])
  const { clean, effects } = await measure(model, ids, edits, quiet)

  const places = chosen.map(({ name, rows: own }) => {
    const texts = own.map((row) => rows.indexOf(row)) // among those measured
    // Without BOS. As many predictions have an answer: BOS makes one, the last token's has none.
    const tokens = sum(texts.map((text) => ids[text].length - 1))
    return { name, texts, tokens, perToken: (of: (text: number) => number) => sum(texts.map(of)) / tokens }
  })
  const byCategory = (effects: readonly Effect[]): CategoryEffect[] =>
    places.map(({ name, perToken }) => {
      const measure = (what: keyof Effect) => perToken((text) => effects[text][what])
      return { category: name, loss: measure('loss'), kl: measure('kl'), flips: measure('flips') }
    })
  const features = planned.map(({ chosen, remove }, i): TestedFeature => {
    const { texts } = places.find(({ name }) => name === chosen.category)!
    const fires = (text: number) => remove.coefficients[text].some((value) => value !== 0)
    return {
      ...chosen,
      fires_in: texts.filter(fires).length,
      removed: byCategory(effects[2 * i]),
      steered: byCategory(effects[2 * i + 1]),
    }
  })
  const { textsPerCategory: texts_per_category, random, strength, resamples, seed } = settings
  return {
    settings: { texts_per_category, random, strength, resamples, seed },
    categories: places.map(({ name, tokens, perToken }, i) => ({
      category: name,
      texts: [...chosen[i].rows],
      tokens,
      loss: perToken((text) => clean[text]),
    })),
    without_specialist: without,
    features,
    contrasts: contrasts(features, settings),
    correlations: correlations(features, settings),
    generations: [],
  }
}

/** The texts to measure on: so many of each category, drawn by the seed, in row order. */
export function chooseTexts(
  categories: readonly Category[],
  { textsPerCategory, seed }: Pick<Settings, 'textsPerCategory' | 'seed'>,
): Category[] {
  const random = createRandom(seed)
  return categories.map(({ name, rows }) => {
    const order = Uint32Array.from(rows)
    shuffle(order, random)
    return { name, rows: [...order.slice(0, textsPerCategory)].sort((a, b) => a - b) }
  })
}

/** One forward pass for all SAEs, then an SAE at a time: features, choice, edits for the texts `rows`. */
async function planLayers(
  model: OpenModel,
  { ids, categories }: Texts,
  hooks: readonly string[],
  rows: readonly number[],
  settings: Settings,
  quiet: boolean,
) {
  const lengths = ids.map((text) => text.length)
  const planned: Planned[] = []
  const without: AblationResults['without_specialist'] = []
  await forEachLayer(model, ids, hooks, quiet, async ({ hook, layer, sae, features }) => {
    const means = meanFeatures(features, lengths) // [texts, d_sae]
    const active = [...new Set(means.indices)]
    const directions = await decoderRows(sae, active) // [active, d_in]
    const analysis = analyseLayer(means, categories, resolveThreshold(settings.threshold, means), layer)
    const firingMean = (feature: number, category: Category): number => {
      const column = featureColumns(features, lengths, [feature]).get(feature)!
      const firing = category.rows.flatMap((row) => [...column[row]]).filter((value) => value > 0)
      return mean(firing)
    }
    const norms = new Map(active.map((feature, i) => [feature, lengthOf(directions.row(i))]))
    const seed = settings.seed + layer // each layer draws its own
    for (const one of chooseFeatures(
      { analysis, categories, means, norms, firingMean },
      { ...settings, seed },
    )) {
      const direction = directions.row(active.indexOf(one.feature)).slice()
      const column = featureColumns(features, lengths, [one.feature]).get(one.feature)!
      const activations = rows.map((row) => column[row])
      const coefficient = one.steering_length / norms.get(one.feature)!
      const chosenLengths = rows.map((row) => lengths[row])
      planned.push({
        chosen: { ...one, layer, strongest: strongestPlace(column) },
        remove: { hook, direction, coefficients: removal(activations) },
        steer: { hook, direction, coefficients: steering(chosenLengths, coefficient) },
      })
    }
    for (const { name } of categories)
      if (!ofCategory(analysis.categories, name).specialist) without.push({ layer, category: name })
  })
  return { planned, without }
}

async function measure(
  model: OpenModel,
  ids: readonly (readonly number[])[],
  edits: readonly Edit[],
  quiet: boolean,
): Promise<Measured> {
  const total = edits.length * ids.length
  using progress = createProgress({ label: 'edits', total, unit: 'texts', quiet })
  return measureEdits(model.gpt2, ids, edits, async (texts) => {
    progress.update(texts)
    await setImmediate() // Ctrl-C is heard between edits
  })
}

/** How many tokens a beginning has. */
const BEGINNING = 32

/** Where a feature fires most among the texts' beginnings. */
export function strongestPlace(column: FeatureColumn): TestedFeature['strongest'] {
  let most = 0
  let place: TestedFeature['strongest'] = null
  for (const [text, activations] of column.entries())
    for (const [position, value] of activations.subarray(0, BEGINNING + 1).entries())
      if (value > most) [most, place] = [value, { text, position }]
  return place
}
