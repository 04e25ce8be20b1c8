import { html } from 'htm/preact'
import type { VNode } from 'preact'
import type { ExplainedFeature } from '../lab/analysis/features/explain.ts'
import { cardsSection, type LayerFeatures } from '../lab/report/feature-card.ts'
import { pageHeader, type PageLink } from '../lab/report/header.ts'
import { chartDocument, renderPage } from '../lab/report/page-node.ts'
import type { Provenance } from '../lab/models/provenance.ts'
import { provenanceTable } from '../lab/report/provenance-table.ts'
import { showAllScript, TOKEN_DATA_ID, tokenData } from '../lab/report/show-all.ts'
import type { TokenText } from '../lab/report/tokens.ts'
import { LAYER_CAVEAT } from './compare-layers.ts'
import { firingSection, reportedFeatures, SHOWN_TEXTS } from './report-features.ts'
import type { ReplicationRow } from '../lab/analysis/replication.ts'
import type { PublishedClaim } from './post-claims.ts'
import { claimsSection, replicationSection } from './report-replication.ts'
import { categoriesSection, changesSection, topFeaturesSection } from './report-layers.ts'
import { chanceSection, qualitySection, scaleSection, verdictList } from './report-statistics.ts'
import type { AnalysedLayer, LayerChange, Verdict } from '../lab/analysis/layer-analysis.ts'

/** All that the report shows; nothing in it needs escaping. */
export interface BlackBoxReport {
  provenance: Provenance
  /** Other pages. */
  links: readonly PageLink[]
  /** What the figures say about the post's claims. */
  verdicts: readonly Verdict[]
  /** Whether the SAEs' quality was measured, and on what: `measured on ...` or `not measured: ...`. */
  qualityNote: string
  /** The post's figures beside ours, where they can be compared. */
  replication?: readonly ReplicationRow[]
  /** The post's claims by its own figures, where ours can be held to them. */
  claims?: readonly PublishedClaim[]
  layers: readonly AnalysedLayer[]
  /** From each layer to the next; empty if there is only one. */
  changes: readonly LayerChange[]
  /** In row order, the order that the analysis counts texts in. */
  texts: readonly TokenText[]
  /** Of each layer the features to show, as `namedFeatures` lists them. */
  explained: readonly (readonly ExplainedFeature[])[]
}

const TITLE = 'A black box made less opaque'
const SECTIONS = [
  { name: 'Categories by layer', href: '#categories' },
  { name: 'What chance gives', href: '#chance' },
  { name: 'Does everything grow?', href: '#scale' },
  { name: 'Top features', href: '#top' },
  { name: 'What makes them fire', href: '#firing' },
  { name: 'The SAEs', href: '#quality' },
  { name: 'Token by token', href: '#tokens' },
]
const QUESTION =
  'Inside a language model, each token becomes a list of numbers that nobody can read. A sparse autoencoder (SAE) rewrites ' +
  'that list as features, most of them silent at any time. Do some of those features stand for a kind of text? Texts of ' +
  'several categories go through the model; at every layer we look for the features that fire most strongly in each ' +
  'category, and for those that fire in one category only.'

/**
 * The report as one self-contained HTML file.
 * @throws naming layer, feature and text where highlights and analysis do not fit together
 */
export function renderBlackBoxReport(report: BlackBoxReport): string {
  const cards = reportedFeatures(report)
  return renderPage({
    title: `${TITLE} · ${report.provenance.model}`,
    description: 'Which features of sparse autoencoders stand for which kind of text, layer by layer.',
    body: page(report, cards),
    data: {
      id: TOKEN_DATA_ID,
      value: tokenData(
        cards.flatMap(({ features }) => features),
        report.texts,
        SHOWN_TEXTS,
      ),
    },
    script: showAllScript(),
  })
}

function page(report: BlackBoxReport, cards: readonly LayerFeatures[]): VNode {
  const document = chartDocument()
  return html`<main>
    ${pageHeader({ eyebrow: 'clearbox · the black-box experiment', title: TITLE, question: QUESTION, sections: SECTIONS, links: report.links })}
    <div class="opening">
      <section aria-labelledby="findings">
        <h2 id="findings">What holds</h2>
        <p>The post’s claims about its model, held against the figures of this one.</p>
        ${verdictList(report.verdicts)} ${comparisonNotice()}
      </section>
      ${provenanceTable(report.provenance)}
    </div>
    ${replicationSection(report.replication ?? [])} ${claimsSection(report.claims ?? [])}
    ${categoriesSection(document, report.layers)} ${chanceSection(document, report.layers)}
    ${scaleSection(document, report.layers)} ${changesSection(document, report.changes)}
    ${topFeaturesSection(document, report.layers)} ${firingSection(report)}
    ${qualitySection(report.layers, report.qualityNote)}
    ${cardsSection(document, cards, report.texts, SHOWN_TEXTS)}
    <footer>
      A replication of “A Black Box Made Less Opaque (part 1)”. The same numbers stand in results.json, beside
      this file.
    </footer>
  </main>`
}

function comparisonNotice(): VNode {
  return html`<aside class="notice" aria-label="How to read feature numbers">
    <p>${[html`<strong>Feature numbers belong to one layer.</strong>`, ` ${LAYER_CAVEAT}`]}</p>
  </aside>`
}
