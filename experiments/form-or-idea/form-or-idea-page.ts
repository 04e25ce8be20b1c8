import { html } from 'htm/preact'
import type { VNode } from 'preact'
import type { ExplainedLayer } from '../lab/analysis/features/explain-layers.ts'
import { cardsSection, type LayerFeatures } from '../lab/report/feature-card.ts'
import { pageHeader, type PageLink } from '../lab/report/header.ts'
import { chartDocument, renderPage } from '../lab/report/page-node.ts'
import type { Provenance } from '../lab/models/provenance.ts'
import { provenanceTable } from '../lab/report/provenance-table.ts'
import { showAllScript, TOKEN_DATA_ID, tokenData } from '../lab/report/show-all.ts'
import type { TokenText } from '../lab/report/tokens.ts'
import type { Design } from './design.ts'
import { cellsSection, relationsSection } from './report-cells.ts'
import { SHOWN_TEXTS, shownFeatures, specialistsSection } from './report-specialists.ts'
import type { Answer, LayerResult, Resemblance } from './layer-result.ts'

/** All that the report shows; nothing in it needs escaping. */
export interface FormOrIdeaReport {
  readonly provenance: Provenance
  /** Other pages. */
  readonly links: readonly PageLink[]
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

const TITLE = 'Surface form or idea?'
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
  const texts = report.tokenTexts
  const cards = report.analysed.map((layer) => shownFeatures(layer, texts))
  return renderPage({
    title: `${TITLE} · ${report.provenance.model}`,
    description: 'Whether the features of sparse autoencoders follow what a text says or how it is written.',
    body: page(report, texts, cards),
    data: {
      id: TOKEN_DATA_ID,
      value: tokenData(
        cards.flatMap(({ features }) => features),
        texts,
        SHOWN_TEXTS,
      ),
    },
    script: showAllScript(),
  })
}

function page(report: FormOrIdeaReport, texts: readonly TokenText[], cards: readonly LayerFeatures[]): VNode {
  const document = chartDocument()
  const layers = report.analysed.map(({ result }) => result)
  return html`<main>
    ${pageHeader({ eyebrow: 'clearbox · form or idea', title: TITLE, question: QUESTION, sections: SECTIONS, links: report.links })}
    <div class="opening">
      <section aria-labelledby="answers">
        <h2 id="answers">The answer</h2>
        <p><strong>${report.answer}</strong></p>
        <details>
          <summary>Layer by layer, with p-values corrected for all of them</summary>
          <ul class="findings">
            ${report.answers.map(({ sentence }) => html`<li>${sentence}</li>`)}
          </ul>
        </details>
      </section>
      ${provenanceTable(report.provenance)}
    </div>
    ${relationsSection(document, report.tokens, layers, report.answers)}
    ${cellsSection(document, report.design, report.tokens, layers)} ${specialistsSection(layers)}
    ${cardsSection(document, cards, texts, SHOWN_TEXTS)}
    <footer>
      After part 2 of “A Black Box Made Less Opaque”. The same numbers stand in results.json, beside this
      file.
    </footer>
  </main>`
}
