// The report's section on specialists, and the features that have cards.
import { html } from '../lab/report/html.ts'
import type { VNode } from 'preact'
import type { ExplainedLayer } from '../lab/analysis/features/explain-layers.ts'
import type { CorpusCards } from '../lab/report/corpus-cards.ts'
import { featureLink, type LayerFeatures } from '../lab/report/feature-card.ts'
import { featureIn } from '../lab/report/feature-parts.ts'
import { levelOf, showNumber } from '../lab/report/numbers.ts'
import { layerParts, section } from '../lab/report/sections.ts'
import { dataTable, type Cell } from '../lab/report/tables.ts'
import { namedFeature, type TokenText } from '../lab/report/tokens.ts'
import { showP } from './answer.ts'
import type { LayerResult, LocatedSpecialist } from './layer-result.ts'
import { wholeSpecialists, type Share } from './specialists.ts'
import { percent } from './table.ts'

/** `geometry`, `geometry in code`, `code on geometry`: what a specialist was found for. */
function placeOf({ kind, topic, form }: LocatedSpecialist): string {
  if (topic === null || form === null) return topic ?? form!
  return kind === 'topic' ? `${topic}, found in ${form}` : `${form}, found in ${topic}`
}

/** The features of a layer that stand best for a topic or a form as a whole, with the texts and tokens they fire at. */
export function shownFeatures(
  { result, explained }: ExplainedLayer<LayerResult>,
  texts: readonly TokenText[],
  inCorpus: CorpusCards = () => undefined,
): LayerFeatures {
  const roles = Map.groupBy(wholeSpecialists(result.specialists), ({ feature }) => feature)
  const features = explained.map((one) => {
    const { feature, firing_texts } = one.dashboard
    const byMean = firing_texts.toSorted((a, b) => b.mean - a.mean)
    const firing = byMean.map(({ text, mean }) => [text, mean] as const)
    const named = roles.get(feature)!
    const why = named.map((role) => `${role.kind} ${placeOf(role)}, score ${showNumber(role.score)}`)
    return featureIn(one, firing, texts, why, inCorpus(one.dashboard))
  })
  return { layer: result.layer, features }
}

/** For each layer, the features that stand best for each topic and form. */
export function specialistsSection(layers: readonly LayerResult[]): VNode {
  const parts = layers.map((layer) => ({
    title: `Layer ${layer.layer}`,
    note: transferNote(layer),
    content: [wholeTable(layer), cellTable(layer)],
  }))
  return section('specialists', 'Specialists', [
    html`<p>
      The feature with the best score for each topic against the other topics, and for each form against the
      other forms. The score is the number of texts inside in which it is above the threshold, minus the
      number outside. p is from shuffled labels, corrected for the number of the layer’s topics or forms. The
      last columns give the share of its activation on symbols (digits, operators, punctuation), beside the
      share of tokens that are symbols.
    </p>`,
    html`<p>
      A topic’s specialist may really be a specialist of its notation: one that fires at chess moves says
      nothing about chess in words. Hence a test. A topic’s specialist is found in texts of one form only, and
      then looked for in the topic’s other texts. A form’s specialist is found on one topic, and then looked
      for in the form’s texts on other topics.
    </p>`,
    layerParts(parts),
  ])
}

function transferNote({ transfer: { topic, form } }: LayerResult): string {
  return (
    `found in one form, a topic’s specialist fires in ${percent(topic.elsewhere)} of the topic’s other texts; ` +
    `found in one topic, a form’s in ${percent(form.elsewhere)} of the form’s`
  )
}

function shareCell([above, of]: Share): Cell {
  return { content: `${above}\u00a0of\u00a0${of}`, level: levelOf(above, of) }
}

const symbolCells = ({ symbols }: LocatedSpecialist): Cell[] => [
  percent(symbols.of_activation),
  percent(symbols.of_tokens),
]

function wholeTable({ layer, threshold, specialists }: LayerResult): VNode {
  return dataTable({
    caption: `L${layer}: specialists of topics and forms, threshold ${showNumber(threshold)}`,
    columns: ['For', 'Feature', 'Score', 'Inside', 'Outside', 'p', 'On symbols', 'Symbols among tokens'],
    rows: wholeSpecialists(specialists).map((one) => ({
      head: html`${placeOf(one)} <small>${one.kind}</small>`,
      cells: [
        ...[featureLink(layer, one.feature, one.token), showNumber(one.score)],
        ...[shareCell(one.inside), shareCell(one.outside), showP(one.p_corrected!)],
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
          ...[namedFeature(one.feature, one.token), showNumber(one.score)],
          ...[one.inside, one.elsewhere!, one.outside].map(shareCell),
          ...symbolCells(one),
        ],
      })),
  })
}
