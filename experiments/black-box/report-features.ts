import { html } from 'htm/preact'
import type { VNode } from 'preact'
import type { LayerFeatures } from '../lab/report/feature-card.ts'
import type { Feature, FiringText } from '../lab/report/feature-parts.ts'
import { count, levelOf, showNumber } from '../lab/report/numbers.ts'
import { dataTable } from '../lab/report/tables.ts'
import { firingTokens, type TokenText } from '../lab/report/tokens.ts'
import { categoryNames, featureLink, layerName } from './report-layers.ts'
import type { BlackBoxReport } from './black-box-page.ts'
import type { LayerAnalysis } from '../lab/analysis/layer-analysis.ts'

/** How many texts a feature's card holds before anyone asks for more. */
export const SHOWN_TEXTS = 3

/** The features of a layer that the report names, each with the reasons why. */
function rolesOf(analysis: LayerAnalysis): Map<number, string[]> {
  const roles = new Map<number, string[]>()
  const add = (feature: number | undefined, role: string): void => {
    if (feature !== undefined) roles.set(feature, [...(roles.get(feature) ?? []), role])
  }
  for (const [name, { peak, specialist }] of Object.entries(analysis.categories)) {
    add(peak?.feature, `peak of ${name}`)
    add(specialist?.feature, `specialist of ${name}, score ${showNumber(specialist?.score ?? null)}`)
  }
  const { strongest, most_selective: selective, most_frequent: frequent } = analysis
  add(strongest?.feature, 'strongest of the layer')
  add(selective?.feature, `most selective: ${selective?.category}, score ${selective?.score}`)
  add(frequent?.feature, 'most frequent')
  for (const [feature] of analysis.top5_strongest)
    if (!roles.has(feature)) add(feature, 'among the five strongest')
  return roles
}

/** For each layer, the features that the analysis names, with their roles, texts and figures. */
export function reportedFeatures({ layers, explained, texts }: BlackBoxReport): LayerFeatures[] {
  return layers.map((analysis, l) => {
    const features = [...rolesOf(analysis)].map(([feature, roles]): Feature => {
      const found = explained.at(l)?.find(({ figures }) => figures.feature === feature)
      if (found === undefined)
        throw new Error(
          `report: no figures of layer ${analysis.layer}, feature ${feature}: give those of namedFeatures`,
        )
      const list = analysis.firing_texts[feature] ?? []
      const firing = list.map(([text, mean]): FiringText => {
        const tokens = firingTokens(texts[text].pieces, found.column[text])
        if (tokens.length === 0)
          throw new Error(
            `report: layer ${analysis.layer}, feature ${feature} has mean ${mean} in text ${text}, but fires at none of its tokens`,
          )
        return [text, mean, tokens]
      })
      return { layer: analysis.layer, feature, roles, texts: firing, figures: found.figures }
    })
    return { layer: analysis.layer, features }
  })
}

/** For each layer, how many texts of each category make each feature fire above the threshold. */
export function firingSection({ layers, texts }: BlackBoxReport): VNode {
  return html`<section aria-labelledby="firing">
    <h2 id="firing">Which texts make each feature fire</h2>
    <p>
      The number of texts of each category whose token-mean activation is above the threshold, and in how many
      texts of all the feature fires at all. A specialist has one dark cell in its row. Each number links to
      the feature’s texts below.
    </p>
    ${layers.map(
      (analysis, l) =>
        html`<details class="layers" open=${l === layers.length - 1}>
          <summary>
            <h3>Layer ${analysis.layer ?? '?'}</h3>
            <span
              >${count(rolesOf(analysis).size, 'feature')}, threshold ${showNumber(analysis.threshold)}</span
            >
          </summary>
          ${firingTable(analysis, texts)}
        </details>`,
    )}
  </section>`
}

function firingTable(analysis: LayerAnalysis, texts: readonly TokenText[]): VNode {
  const names = categoryNames([analysis])
  const sizes = names.map((name) => texts.filter(({ category }) => category === name).length)
  const zero = html`<small>0</small>`
  return dataTable({
    caption: `${layerName(analysis.layer)}: texts above the threshold of ${showNumber(analysis.threshold)}`,
    columns: ['Feature', ...names, 'Fires at all'],
    rows: [...rolesOf(analysis)].map(([feature, roles]) => {
      const firing = analysis.firing_texts[feature] ?? []
      const above = firing.filter(([, value]) => value > analysis.threshold)
      const counts = names.map((name) => above.filter(([text]) => texts[text].category === name).length)
      return {
        head: [featureLink(analysis.layer, feature), ' ', html`<small>${roles.join('; ')}</small>`],
        cells: [
          ...counts.map((number, c) => ({ content: number || zero, level: levelOf(number, sizes[c]) })),
          { content: `${firing.length}\u00a0of\u00a0${texts.length}` },
        ],
      }
    }),
  })
}
