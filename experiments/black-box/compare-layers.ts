// Which numbers change from layer to layer, and how.
import { pearson } from '../lab/analysis/statistics.ts'
import type {
  CategoryAnalysis,
  CategoryChange,
  LayerAnalysis,
  LayerChange,
} from '../lab/analysis/layer-analysis.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'
import { categoriesOf } from '../lab/texts/texts.ts'

/** Printed beside every comparison of layers. */
export const LAYER_CAVEAT =
  'Each layer has its own SAE, trained separately, so feature numbers of two layers cannot be compared. ' +
  'What is compared: values, scores, and the texts in which a feature fires.'

/**
 * How a layer's numbers change from each layer to the next: differences, and how alike the texts are that the two layers'
 * peak features fire in. n layers have n - 1 changes.
 * @throws if two layers were not analysed on the same number of texts and the same categories
 */
export function compareLayers(layers: readonly LayerAnalysis[]): LayerChange[] {
  return layers.slice(1).map((to, i) => compareTwo(layers[i], to))
}

function compareTwo(from: LayerAnalysis, to: LayerAnalysis): LayerChange {
  checkSameTexts(from, to)
  const changes = to.categories.map((after): CategoryChange => {
    const { category } = after
    const before = ofCategory(from.categories, category)
    return {
      category,
      peak: difference(before.peak?.value, after.peak?.value),
      aggregate_top5: after.aggregate_top5 - before.aggregate_top5,
      specialist_score: difference(before.specialist?.score, after.specialist?.score),
      peak_profile_correlation: pearson(peakProfile(from, before), peakProfile(to, after)),
    }
  })
  return {
    from: from.layer,
    to: to.layer,
    strongest: difference(from.strongest?.value, to.strongest?.value),
    pairs_above_threshold: to.pairs_above_threshold - from.pairs_above_threshold,
    categories: changes,
  }
}

function checkSameTexts(from: LayerAnalysis, to: LayerAnalysis): void {
  const describe = (layer: LayerAnalysis): string =>
    `${layer.texts} texts in ${categoriesOf(layer.categories).sort().join(', ')}`
  if (describe(from) !== describe(to))
    throw new Error(
      `compareLayers: layer ${from.layer} is of ${describe(from)}; layer ${to.layer} of ${describe(to)}`,
    )
}

const difference = (before: number | undefined, after: number | undefined): number | null =>
  before === undefined || after === undefined ? null : after - before

/** The activation of a category's peak feature in every text; all 0 where the category has none. [texts] */
function peakProfile(layer: LayerAnalysis, { peak }: CategoryAnalysis): Float64Array {
  const profile = new Float64Array(layer.texts)
  if (peak) for (const [text, value] of layer.firing_texts[peak.feature]) profile[text] = value
  return profile
}
