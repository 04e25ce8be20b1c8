// The features that the analysis names: why they are shown, and which texts make them fire.
import { html } from '../lab/report/html.ts'
import type { VNode } from 'preact'
import type { ExplainedFeature } from '../lab/analysis/features/explain.ts'
import type { AnalysedLayer, LayerAnalysis } from '../lab/analysis/layer-analysis.ts'
import type { CorpusCards } from '../lab/report/corpus-cards.ts'
import type { LayerFeatures } from '../lab/report/feature-card.ts'
import { featureIn, type Feature } from '../lab/report/feature-parts.ts'
import { count, levelOf, showNumber } from '../lab/report/numbers.ts'
import { layerParts, section } from '../lab/report/sections.ts'
import { dataTable, noted } from '../lab/report/tables.ts'
import { visible, type TokenText } from '../lab/report/tokens.ts'
import { categoryNames, layerName, linkTo } from './report-layers.ts'

/** The features of a layer that the report names, each with the reasons why. */
function rolesOf(analysis: LayerAnalysis): Map<number, string[]> {
  const roles = new Map<number, string[]>()
  const add = (feature: number | undefined, role: string): void => {
    if (feature !== undefined) roles.set(feature, [...(roles.get(feature) ?? []), role])
  }
  for (const { category, peak, specialist } of analysis.categories) {
    add(peak?.feature, `peak of ${visible(category)}`)
    add(
      specialist?.feature,
      `specialist of ${visible(category)} among its five strongest, score ${showNumber(specialist?.score ?? null)}`,
    )
  }
  const { strongest, most_selective: selective, most_frequent: frequent } = analysis
  add(strongest?.feature, 'strongest of the layer')
  add(
    selective?.feature,
    `most selective of all features: ${visible(selective?.category ?? '')}, score ${selective?.score}`,
  )
  add(frequent?.feature, 'most frequent')
  for (const [feature] of analysis.top5_strongest)
    if (!roles.has(feature)) add(feature, 'among the five strongest')
  return roles
}

/** For each layer, the features that the analysis names, with their roles, texts and dashboards. */
export function reportedFeatures(
  layers: readonly LayerAnalysis[],
  explained: readonly (readonly ExplainedFeature[])[],
  texts: readonly TokenText[],
  inCorpus: CorpusCards = () => undefined,
): LayerFeatures[] {
  return layers.map((analysis, l) => {
    const features = [...rolesOf(analysis)].map(([feature, roles]): Feature => {
      const found = explained.at(l)?.find(({ dashboard }) => dashboard.feature === feature)
      if (found === undefined)
        throw new Error(
          `report: no figures of layer ${analysis.layer}, feature ${feature}: pass those of namedFeatures`,
        )
      const firing = analysis.firing_texts[feature] ?? []
      return featureIn(found, firing, texts, roles, inCorpus(found.dashboard))
    })
    return { layer: analysis.layer, features }
  })
}

/** For each layer, how many texts of each category make each feature fire above the threshold. */
export function firingSection(layers: readonly AnalysedLayer[], texts: readonly TokenText[]): VNode {
  const intro = html`<p>
    The number of texts of each category whose token-mean activation is above the threshold, and the number of
    texts in which the feature fires at all. A specialist has one dark cell in its row. As in the post, it is
    the best of the five features that fire most strongly in its category; “What chance gives” searches all
    features. Each feature number links to the feature’s texts below.
  </p>`
  const parts = layers.map((analysis) => ({
    title: `Layer ${analysis.layer ?? '?'}`,
    note: `${count(rolesOf(analysis).size, 'feature')}, threshold ${showNumber(analysis.threshold)}`,
    content: firingTable(analysis, texts),
  }))
  return section('firing', 'Which texts make each feature fire', [intro, layerParts(parts)])
}

function firingTable(analysis: AnalysedLayer, texts: readonly TokenText[]): VNode {
  const names = categoryNames([analysis])
  const sizes = names.map((name) => texts.filter(({ category }) => category === name).length)
  const zero = html`<small>0</small>`
  return dataTable({
    caption: `${layerName(analysis.layer)}: texts above the threshold of ${showNumber(analysis.threshold)}`,
    columns: ['Feature', ...names.map(visible), 'Fires at all'],
    rows: [...rolesOf(analysis)].map(([feature, roles]) => {
      const firing = analysis.firing_texts[feature] ?? []
      const above = firing.filter(([, value]) => value > analysis.threshold)
      const counts = names.map((name) => above.filter(([text]) => texts[text].category === name).length)
      return {
        head: noted(linkTo(analysis, feature), roles.join('; ')),
        cells: [
          ...counts.map((number, c) => ({ content: number || zero, level: levelOf(number, sizes[c]) })),
          `${firing.length}\u00a0of\u00a0${texts.length}`,
        ],
      }
    }),
  })
}
