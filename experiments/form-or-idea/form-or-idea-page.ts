// The report of `npm run form-or-idea`: which parts it has, and in which order.
import { html } from '../lab/report/html.ts'
import type { VNode } from 'preact'
import type { ExplainedLayer } from '../lab/analysis/features/explain-layers.ts'
import { cardsSection, SHOWN_TEXTS } from '../lab/report/feature-card.ts'
import { chartDocument } from '../lab/report/page-node.ts'
import { renderReport, type Made } from '../lab/report/report-page.ts'
import { findingList, section } from '../lab/report/sections.ts'
import type { TokenText } from '../lab/report/tokens.ts'
import type { Design } from './design.ts'
import type { Answer, LayerResult, Resemblance } from './layer-result.ts'
import { cellsSection, relationsSection } from './report-cells.ts'
import { shownFeatures, specialistsSection } from './report-specialists.ts'

/** All that the report shows; nothing in it needs escaping. */
interface FormOrIdeaReport extends Made {
  /** Over all layers, in a sentence. */
  readonly answer: string
  readonly answers: readonly Answer[]
  readonly design: Design
  /** What the tokens themselves say. */
  readonly tokens: Resemblance
  readonly analysed: readonly ExplainedLayer<LayerResult>[]
  /** In row order. */
  readonly tokenTexts: readonly TokenText[]
}

const SECTIONS = [
  { name: 'Same topic or same form', href: '#relations' },
  { name: 'Every topic and form', href: '#cells' },
  { name: 'Specialists', href: '#specialists' },
  { name: 'Token by token', href: '#tokens' },
]
const QUESTION =
  'A formula, a sentence and a line of code can say the same. Do the features of a sparse autoencoder follow what is said, or ' +
  'how it is written? The same ideas go through the model in every form. If features stand for ideas, texts on the same topic ' +
  'should light up the same features whatever their form; if they stand for surface form, texts of the same form should, ' +
  'whatever their topic.'

/** The report as one self-contained HTML file. */
export function renderFormOrIdeaReport(report: FormOrIdeaReport): string {
  const { provenance, links, answers, design, tokens, analysed, tokenTexts: texts } = report
  const document = chartDocument()
  const layers = analysed.map(({ result }) => result)
  const cards = analysed.map((layer) => shownFeatures(layer, texts))
  return renderReport({
    title: 'Surface form or idea?',
    description: 'Whether the features of sparse autoencoders follow what a text says or how it is written.',
    eyebrow: 'clearbox · form or idea',
    question: QUESTION,
    sections: SECTIONS,
    ...{ provenance, links },
    opening: answerSection(report.answer, answers),
    body: [
      relationsSection(document, tokens, layers, answers),
      cellsSection(document, design, tokens, layers),
      specialistsSection(layers),
      cardsSection(document, cards, texts),
    ],
    footer:
      'After part 2 of “A Black Box Made Less Opaque”. The same numbers stand in results.json, beside this file.',
    cards: { features: cards.flatMap(({ features }) => features), texts, shown: SHOWN_TEXTS },
  })
}

function answerSection(answer: string, answers: readonly Answer[]): VNode {
  return section('answers', 'The answer', [
    html`<p><strong>${answer}</strong></p>`,
    html`<details>
      <summary>Layer by layer, with p-values corrected for all of them</summary>
      ${findingList(answers.map(({ sentence }) => sentence))}
    </details>`,
  ])
}
