// The report of `npm run form-or-idea`: which parts it has, and in which order.
import { html } from '../lab/report/html.ts'
import type { VNode } from 'preact'
import type { ExplainedLayer } from '../lab/analysis/features/explain-layers.ts'
import { cardsSection, SHOWN_TEXTS } from '../lab/report/feature-card.ts'
import type { CorpusCards } from '../lab/report/corpus-cards.ts'
import { chartDocument } from '../lab/report/page-node.ts'
import { renderReport, type Made } from '../lab/report/report-page.ts'
import { findingList, folded, section } from '../lab/report/sections.ts'
import type { TokenText } from '../lab/report/tokens.ts'
import type { Design } from './design.ts'
import type { Answer, LayerResult, Resemblance } from './layer-result.ts'
import { cellsSection, cosinePicture, relationsSection } from './report-cells.ts'
import { shownFeatures, specialistsSection } from './report-specialists.ts'

/** All that the report shows; nothing in it needs escaping. */
interface FormOrIdeaReport extends Made {
  /** The numbers behind the answer, in a sentence. */
  readonly figures: string
  readonly answers: readonly Answer[]
  readonly design: Design
  /** What the tokens themselves say. */
  readonly tokens: Resemblance
  readonly analysed: readonly ExplainedLayer<LayerResult>[]
  /** In row order. */
  readonly tokenTexts: readonly TokenText[]
  /** What a corpus says of the features. */
  readonly inCorpus?: CorpusCards
}

const SECTIONS = [
  { name: 'Same topic or same form', href: '#relations' },
  { name: 'Every topic and form', href: '#cells' },
  { name: 'Specialists', href: '#specialists' },
  { name: 'Token by token', href: '#tokens' },
]
const BACKGROUND =
  'A formula, a sentence and a line of code can say the same thing. Do the features of a sparse autoencoder follow what is said, or ' +
  'how it is written? The same ideas go through the model in every form. If features stand for ideas, texts on the same topic ' +
  'should light up the same features whatever their form; if they stand for surface form, texts of the same form should, ' +
  'whatever their topic.'

/** The report as one self-contained HTML file. */
export function renderFormOrIdeaReport(report: FormOrIdeaReport): string {
  const { answers, design, tokens, analysed, tokenTexts: texts } = report
  const document = chartDocument()
  const layers = analysed.map(({ result }) => result)
  const cards = analysed.map((layer) => shownFeatures(layer, texts, report.inCorpus))
  return renderReport({
    ...report,
    title: 'Surface form or idea?',
    eyebrow: 'clearbox · form or idea',
    background: BACKGROUND,
    sections: SECTIONS,
    picture: cosinePicture(document, tokens, layers, answers),
    claims: answersSection(report.figures, answers),
    body: [
      relationsSection(document, tokens, layers, answers),
      cellsSection(document, design, tokens, layers),
      specialistsSection(layers),
      cardsSection(document, cards, texts),
    ],
    footer:
      'After part 2 of “A Black Box Made Less Opaque”. The same numbers are in results.json, beside this file.',
    cards: { features: cards.flatMap(({ features }) => features), texts, shown: SHOWN_TEXTS },
  })
}

function answersSection(figures: string, answers: readonly Answer[]): VNode {
  return section('answers', 'Layer by layer', [
    findingList(
      answers.map(({ sentence, figures }) => [
        sentence,
        folded('The figures', sentence, html`<p class="detail">${figures}</p>`),
      ]),
    ),
    folded(
      'Over all layers',
      'the figures',
      html`<p class="detail">${`${figures} P-values are corrected for all layers.`}</p>`,
    ),
  ])
}
