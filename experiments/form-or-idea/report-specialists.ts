import { html } from 'htm/preact'
import type { VNode } from 'preact'
import type { ExplainedLayer } from '../lab/analysis/features/explain-layers.ts'
import { featureId, type LayerFeatures } from '../lab/report/feature-card.ts'
import type { Feature, FiringText } from '../lab/report/feature-parts.ts'
import { levelOf, showNumber } from '../lab/report/numbers.ts'
import { dataTable, type Cell } from '../lab/report/tables.ts'
import { firingTokens, type TokenText } from '../lab/report/tokens.ts'
import { showP } from './answer.ts'
import type { LayerResult, LocatedSpecialist } from './layer-result.ts'
import { wholeSpecialists, type Share } from './specialists.ts'
import { percent } from './table.ts'

/** How many texts a feature's card holds before anyone asks for more. */
export const SHOWN_TEXTS = 3

/** `geometry`, `geometry in code`, `code on geometry`: what a specialist was found for. */
function placeOf({ kind, topic, form }: LocatedSpecialist): string {
  if (topic === null || form === null) return topic ?? form!
  return kind === 'topic' ? `${topic}, found in ${form}` : `${form}, found in ${topic}`
}

/** The features of a layer that stand best for a topic or a form as a whole, with the texts and tokens they fire at. */
export function shownFeatures(
  { result, explained }: ExplainedLayer<LayerResult>,
  texts: readonly TokenText[],
): LayerFeatures {
  const roles = Map.groupBy(wholeSpecialists(result.specialists), ({ feature }) => feature)
  const features = explained.map(({ figures, column }): Feature => {
    const firing = figures.firing_texts
      .toSorted((a, b) => b.mean - a.mean)
      .map(({ text, mean }): FiringText => [text, mean, firingTokens(texts[text].pieces, column[text])])
    const named = roles.get(figures.feature)!
    return {
      layer: result.layer,
      feature: figures.feature,
      roles: named.map((one) => `${one.kind} ${placeOf(one)}, score ${showNumber(one.score)}`),
      texts: firing,
      figures,
    }
  })
  return { layer: result.layer, features }
}

/** For each layer, the features that stand best for each topic and form. */
export function specialistsSection(layers: readonly LayerResult[]): VNode {
  return html`<section aria-labelledby="specialists">
    <h2 id="specialists">Specialists</h2>
    <p>
      The feature with the best score for each topic against the other topics, and for each form against the
      other forms: texts inside in which it is above the threshold, minus texts outside. p is what shuffled
      labels give, corrected for the layer’s topics, or forms. The last columns say how much of its activation
      falls on symbols (digits, operators, punctuation), beside the share of tokens that are symbols.
    </p>
    <p>
      A topic’s specialist may still be its notation’s: one that fires at chess moves says nothing about chess
      in words. So then the test: a topic’s specialist found in texts of one form, the topic’s other texts
      left aside, is looked for in those; and a form’s, found on one topic, in the form’s texts on other
      topics.
    </p>
    ${layers.map(
      (layer, l) =>
        html`<details class="layers" open=${l === layers.length - 1}>
          <summary>
            <h3>Layer ${layer.layer}</h3>
            <span>${transferNote(layer)}</span>
          </summary>
          ${wholeTable(layer)} ${cellTable(layer)}
        </details>`,
    )}
  </section>`
}

function transferNote({ transfer: { topic, form } }: LayerResult): string {
  const note = (share: number | null): string => percent(share)
  return (
    `found in one form, a topic’s specialist fires in ${note(topic.elsewhere)} of the topic’s other texts; ` +
    `found in one topic, a form’s in ${note(form.elsewhere)} of the form’s`
  )
}

function shareCell([above, of]: Share): Cell {
  return { content: `${above}\u00a0of\u00a0${of}`, level: levelOf(above, of) }
}

const featureCell = (layer: number, { feature }: LocatedSpecialist): Cell => ({
  content: html`<a href="#${featureId({ layer, feature })}">${String(feature)}</a>`,
})

const symbolCells = ({ symbols }: LocatedSpecialist): Cell[] => [
  { content: percent(symbols.of_activation) },
  { content: percent(symbols.of_tokens) },
]

function wholeTable({ layer, threshold, specialists }: LayerResult): VNode {
  return dataTable({
    caption: `L${layer}: specialists of topics and forms, threshold ${showNumber(threshold)}`,
    columns: ['For', 'Feature', 'Score', 'Inside', 'Outside', 'p', 'On symbols', 'Symbols among tokens'],
    rows: wholeSpecialists(specialists).map((one) => ({
      head: html`${placeOf(one)} <small>${one.kind}</small>`,
      cells: [
        featureCell(layer, one),
        { content: showNumber(one.score) },
        ...[shareCell(one.inside), shareCell(one.outside)],
        { content: showP(one.p_corrected!) },
        ...symbolCells(one),
      ],
    })),
  })
}

function cellTable({ layer, specialists }: LayerResult): VNode {
  return dataTable({
    caption: `L${layer}: specialists found in one topic and form, and where else they fire`,
    columns: [
      ...['For', 'Feature', 'Score', 'Inside', 'Elsewhere', 'Outside'],
      ...['On symbols', 'Symbols among tokens'],
    ],
    rows: specialists
      .filter(({ topic, form }) => topic !== null && form !== null)
      .map((one) => ({
        head: html`${placeOf(one)} <small>${one.kind}</small>`,
        cells: [
          { content: String(one.feature) },
          { content: showNumber(one.score) },
          ...[one.inside, one.elsewhere!, one.outside].map(shareCell),
          ...symbolCells(one),
        ],
      })),
  })
}
