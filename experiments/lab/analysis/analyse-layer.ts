// Which SAE features stand for which kind of text?
import { sparseRow, type SparseRows } from '../../../engine/sparse.ts'
import { checkActivations, checkCategories, type Category } from './input.ts'
import { sum } from './statistics.ts'
import type { CategoryAnalysis, FeatureValue, LayerAnalysis, Specialist } from './layer-analysis.ts'

/**
 * The analysis of "A Black Box Made Less Opaque (part 1)" starts from one number per text and feature: the feature's activation, averaged over the text's tokens.
 * The highest of these numbers in any text of a category says how strongly a feature answers to the category;
 * the number of texts above a threshold, inside the category and outside it, says how much it is the category's own.
 */

/**
 * Analyses one layer.
 *
 * @param features token-mean SAE activations, sparse [texts, d_sae], finite and not negative
 * @param categories hold each row of `features` exactly once; a category without texts gives nulls and zeros
 * @param threshold an activation counts if it is greater than this (the post: 5.0); not negative
 * @param layer is repeated in the result
 * @throws if an input is not as described, naming the row, feature or category
 */
export function analyseLayer(
  features: SparseRows,
  categories: readonly Category[],
  threshold: number,
  layer: number | null = null,
): LayerAnalysis {
  const [texts, width] = features.shape
  checkActivations(features)
  checkCategories(categories, texts)
  if (!(threshold >= 0)) throw new Error(`analyseLayer: the threshold must be 0 or greater, got ${threshold}`)

  const everyRow = Array.from({ length: texts }, (_, row) => row)
  const profiles = profileFeatures(features, everyRow, threshold)
  const candidates = categories.map(({ name, rows }) => ({
    category: name,
    found: scoreFeatures(profileFeatures(features, rows, threshold), profiles),
  }))

  const strongest = highestValues(profiles, 5)
  const frequent = firstHighest(profiles, (profile) => profile.texts)
  const findings: Omit<LayerAnalysis, 'firing_texts'> = {
    layer,
    threshold,
    texts,
    strongest:
      strongest
        .slice(0, 1)
        .map(({ feature, value, text }) => ({ feature, value, text }))
        .at(0) ?? null,
    most_frequent: frequent ? { feature: frequent.feature, texts: frequent.texts } : null,
    top5_strongest: strongest.map(({ feature, value }) => [feature, value]),
    pairs_above_threshold: profiles.reduce((pairs, profile) => pairs + profile.above, 0),
    most_selective: mostSelective(candidates),
    categories: candidates.map(({ category, found }) => analyseCategory(category, found, width)),
  }
  return { ...findings, firing_texts: firingTexts(features, namedFeatures(findings)) }
}

/** One feature over a set of texts. A feature that fires in none of them has no profile. */
interface FeatureProfile extends FeatureValue {
  /** Its highest activation in any one text, and the first text that has it. */
  value: number
  text: number
  /** In how many texts it is active (above 0). */
  texts: number
  /** In how many it is above the threshold. */
  above: number
}

/** The features that fire in the texts `rows`. */
function profileFeatures(features: SparseRows, rows: readonly number[], threshold: number): FeatureProfile[] {
  const profiles: FeatureProfile[] = []
  const places = new Uint32Array(features.shape[1]) // of each feature's profile, counted from 1
  for (const row of rows)
    for (let entry = features.offsets[row]; entry < features.offsets[row + 1]; entry++) {
      const [feature, value] = [features.indices[entry], features.values[entry]]
      if (value === 0) continue
      if (places[feature] === 0)
        places[feature] = profiles.push({ feature, value: 0, text: row, texts: 0, above: 0 })
      const profile = profiles[places[feature] - 1]
      if (value > profile.value) {
        profile.value = value
        profile.text = row
      }
      profile.texts += 1
      if (value > threshold) profile.above += 1
    }
  return profiles
}

/** Compares each feature of a category with all texts. */
function scoreFeatures(inCategory: FeatureProfile[], inAllTexts: FeatureProfile[]): Specialist[] {
  const aboveAnywhere = new Map(inAllTexts.map(({ feature, above }) => [feature, above]))
  return inCategory.map(({ feature, value, above: inside }) => {
    const outside = aboveAnywhere.get(feature)! - inside
    return { feature, score: inside - outside, inside, outside, value }
  })
}

/** A category's numbers from its features. `width` is the SAE's number of features. */
function analyseCategory(category: string, found: Specialist[], width: number): CategoryAnalysis {
  const strongest = highestValues(found, 5)
  const peak = strongest.at(0)
  const topFive = Array.from({ length: Math.min(5, width) }, (_, i) => strongest.at(i)?.value ?? 0)
  const aggregate = sum(topFive)
  const best = firstHighest(found, ({ score }) => score)
  const ties = found.filter(({ score, inside }) => score === best?.score && inside > 0)
  return {
    category,
    peak: peak ? { feature: peak.feature, value: peak.value } : null,
    aggregate_top5: aggregate,
    peak_to_aggregate: peak ? peak.value / aggregate : null,
    gini_top5: gini(topFive),
    specialist: firstHighest(strongest, ({ score }) => score) ?? null,
    full_search: {
      best_score: best?.score ?? null,
      features: ties.map(({ feature }) => feature).sort((a, b) => a - b),
    },
  }
}

/** The best score for any category; a tie goes to the higher value, the lower feature, the earlier category. */
function mostSelective(
  candidates: readonly { category: string; found: Specialist[] }[],
): (Specialist & { category: string }) | null {
  const best = candidates.flatMap(({ category, found }) => {
    const one = firstHighest(found, ({ score }) => score)
    return one ? [{ category, ...one }] : []
  })
  return firstHighest(best, ({ score }) => score) ?? null
}

/**
 * Gini coefficient: half the mean difference between two of the values, as a share of their mean.
 * 0 if all are equal, (n - 1) / n if only one is not 0; 0 by convention if all are 0.
 */
export function gini(values: readonly number[]): number {
  const total = sum(values)
  if (total === 0) return 0
  // In sorted order, the i-th smallest value (from 1) enters the sum of all differences 2i - n - 1 times, net.
  const n = values.length
  const rising = [...values].sort((a, b) => a - b)
  return sum(rising.map((value, i) => (2 * (i + 1) - n - 1) * value)) / (n * total)
}

/** Every feature that `findings` names, each once, except the lists of the full search, which can be long. */
export function namedFeatures(findings: Omit<LayerAnalysis, 'firing_texts'>): number[] {
  const { strongest, most_selective, most_frequent, top5_strongest, categories } = findings
  const perCategory = categories.flatMap(({ peak, specialist }) => [peak, specialist])
  const found = [...perCategory, strongest, most_selective, most_frequent].filter((one) => one !== null)
  return [...new Set([...found.map(({ feature }) => feature), ...top5_strongest.map(([feature]) => feature)])]
}

/** For each of the features `names`, the texts it fires in, strongest first; a tie goes to the lower row. */
function firingTexts(features: SparseRows, names: readonly number[]): LayerAnalysis['firing_texts'] {
  const named = new Set(names)
  const firing: LayerAnalysis['firing_texts'] = {}
  for (const feature of named) firing[feature] = []
  for (let row = 0; row < features.shape[0]; row++) {
    const { indices, values } = sparseRow(features, row)
    indices.forEach((feature, i) => {
      if (named.has(feature) && values[i] > 0) firing[feature].push([row, values[i]])
    })
  }
  for (const texts of Object.values(firing)) texts.sort(([, a], [, b]) => b - a)
  return firing
}

const byValue = (a: FeatureValue, b: FeatureValue): number => b.value - a.value || a.feature - b.feature

/** The item for which `measure` is highest; a tie goes to the higher value, the lower feature, the earlier item. */
function firstHighest<T extends FeatureValue>(
  items: readonly T[],
  measure: (item: T) => number,
): T | undefined {
  let best: T | undefined
  for (const item of items)
    if (best === undefined || (measure(best) - measure(item) || byValue(item, best)) < 0) best = item
  return best
}

/** The `count` items of the highest values, highest first: sorting them all would take longer than the rest of the analysis. */
function highestValues<T extends FeatureValue>(items: readonly T[], count: number): T[] {
  const highest: T[] = []
  for (const item of items) {
    if (highest.length === count && byValue(item, highest[count - 1]) > 0) continue
    highest.push(item)
    highest.sort(byValue)
    if (highest.length > count) highest.pop()
  }
  return highest
}
