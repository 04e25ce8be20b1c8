// The specialists of each category, and the random features that stand beside them.
import { sparseColumn, type SparseRows } from '../../engine/sparse.ts'
import { createRandom } from '../../engine/random.ts'
import type { Category } from '../lab/analysis/input.ts'
import type { LayerAnalysis } from '../lab/analysis/layer-analysis.ts'
import { auroc } from '../lab/analysis/statistics.ts'
import type { ChosenFeature } from './effects.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

/** What is known of a layer's features before anything is edited. */
interface LayerFeatures {
  readonly analysis: LayerAnalysis
  readonly categories: readonly Category[]
  /** Token means, sparse [texts, d_sae]. */
  readonly means: SparseRows
  /** |W_dec[j]| of every feature that is active in some text. */
  readonly norms: ReadonlyMap<number, number>
  /** Mean activation of a feature over the category's tokens at which it fires. */
  readonly firingMean: (feature: number, category: Category) => number
}

interface ChoiceOptions {
  /** Random features for each specialist. */
  readonly random: number
  /** Steering adds this many times the specialist's mean contribution where it fires. */
  readonly strength: number
  readonly seed: number
}

/** A random feature is drawn from those nearest to the specialist in size: this many times as many as are needed. */
const POOL = 4

/**
 * The specialist of each category (as published: black-box), and random features that match it: active in the category,
 * no specialist of any category, about as large in its texts. No feature is drawn twice.
 */
export function chooseFeatures(layer: LayerFeatures, options: ChoiceOptions): ChosenFeature[] {
  const random = createRandom(options.seed)
  const { analysis, categories } = layer
  const found = categories.flatMap((category) => {
    const specialist = ofCategory(analysis.categories, category.name).specialist
    return specialist ? [{ category, feature: specialist.feature }] : []
  })
  const taken = new Set(found.map(({ feature }) => feature))
  return found.flatMap(({ category, feature }) => {
    const sizes = sizesIn(layer, category)
    const own = sizes.get(feature)!
    const steering_length = options.strength * layer.firingMean(feature, category) * layer.norms.get(feature)!
    const nearest = [...sizes]
      .filter(([other]) => !taken.has(other))
      .sort(([, a], [, b]) => Math.abs(Math.log(a / own)) - Math.abs(Math.log(b / own)))
      .slice(0, POOL * options.random)
      .map(([other]) => other)
    const drawn = Array.from(
      { length: Math.min(options.random, nearest.length) },
      () => nearest.splice(random.index(nearest.length), 1)[0],
    )
    for (const other of drawn) taken.add(other)
    return [feature, ...drawn].map((feature, i) => ({
      feature,
      kind: i === 0 ? ('specialist' as const) : ('random' as const),
      category: category.name,
      ...selectivityOf(layer, feature, category),
      size: sizes.get(feature)!,
      steering_length,
    }))
  })
}

/** For each feature active in the category: the mean length of its contribution over the category's texts. */
function sizesIn({ means, norms }: LayerFeatures, { rows }: Category): Map<number, number> {
  const sizes = new Map<number, number>()
  for (const row of rows)
    for (let entry = means.offsets[row]; entry < means.offsets[row + 1]; entry++) {
      const [feature, value] = [means.indices[entry], means.values[entry]]
      const size = (value * norms.get(feature)!) / rows.length
      if (size > 0) sizes.set(feature, (sizes.get(feature) ?? 0) + size)
    }
  return sizes
}

/** How much the feature is the category's own: by the post's score, and without a threshold. */
function selectivityOf({ means, analysis }: LayerFeatures, feature: number, { rows }: Category) {
  const values = sparseColumn(means, feature)
  const own = rows.map((row) => values[row])
  const others = [...values].filter((_, row) => !rows.includes(row))
  const above = (values: readonly number[]) => values.filter((value) => value > analysis.threshold).length
  return { score: above(own) - above(others), auroc: auroc(own, others) }
}
