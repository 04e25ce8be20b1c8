// The report of `npm start`: which parts it has, and in which order.
import { html } from '../lab/report/html.ts'
import type { VNode } from 'preact'
import type { ExplainedFeature } from '../lab/analysis/features/explain.ts'
import type { AnalysedLayer, LayerChange, Verdict } from '../lab/analysis/layer-analysis.ts'
import type { ReplicationRow } from '../lab/analysis/replication.ts'
import { cardsSection, SHOWN_TEXTS } from '../lab/report/feature-card.ts'
import type { CorpusCards } from '../lab/report/corpus-cards.ts'
import { chartDocument } from '../lab/report/page-node.ts'
import { renderReport, type Made } from '../lab/report/report-page.ts'
import { section } from '../lab/report/sections.ts'
import type { TokenText } from '../lab/report/tokens.ts'
import { LAYER_CAVEAT } from './compare-layers.ts'
import type { PostClaim } from './post-claims.ts'
import { firingSection, reportedFeatures } from './report-features.ts'
import { categoriesSection, changesSection, specialistPicture, topFeaturesSection } from './report-layers.ts'
import { claimsSection, replicationSection } from './report-replication.ts'
import { chanceSection, qualitySection, scaleSection, verdictList } from './report-statistics.ts'

/** All that the report shows; nothing in it needs escaping. */
export interface BlackBoxReport extends Made {
  /** The verdicts on the post's claims. */
  verdicts: readonly Verdict[]
  /** Whether the SAEs' quality was measured, and on what: `measured on ...` or `not measured: ...`. */
  qualityNote: string
  /** The post's numbers beside ours, where the two can be compared. */
  replication?: readonly ReplicationRow[]
  /** The post's claims by its own numbers, where ours can be compared with them. */
  claims?: readonly PostClaim[]
  layers: readonly AnalysedLayer[]
  /** From each layer to the next; empty if there is only one. */
  changes: readonly LayerChange[]
  /** In row order, the order that the analysis counts texts in. */
  texts: readonly TokenText[]
  /** The features to show of each layer, as `namedFeatures` lists them. */
  explained: readonly (readonly ExplainedFeature[])[]
  /** What a corpus says about them. */
  inCorpus?: CorpusCards
}

const SECTIONS = [
  { name: 'Categories by layer', href: '#categories' },
  { name: 'What chance gives', href: '#chance' },
  { name: 'Does everything grow?', href: '#scale' },
  { name: 'Top features', href: '#top' },
  { name: 'What makes them fire', href: '#firing' },
  { name: 'The SAEs', href: '#quality' },
  { name: 'Token by token', href: '#tokens' },
]
const BACKGROUND =
  'Inside a language model, each token becomes a list of numbers that nobody can read. A sparse autoencoder (SAE) rewrites ' +
  'that list as features, most of them silent at any time. Do some of those features stand for a kind of text? Texts of ' +
  'several categories go through the model. At every layer we look for the features that fire most strongly in each ' +
  'category, and for those that fire in one category only.'

/**
 * The report as one self-contained HTML file.
 * @throws naming layer, feature and text where highlights and analysis do not fit together
 */
export function renderBlackBoxReport(report: BlackBoxReport): string {
  const { layers, texts } = report
  const document = chartDocument()
  const cards = reportedFeatures(layers, report.explained, texts, report.inCorpus)
  return renderReport({
    ...report,
    title: 'A black box made less opaque',
    eyebrow: 'clearbox · the black-box experiment',
    background: BACKGROUND,
    sections: SECTIONS,
    picture: specialistPicture(document, layers),
    claims: findingsSection(report.verdicts),
    body: [
      replicationSection(report.replication ?? []),
      claimsSection(report.claims ?? []),
      categoriesSection(document, layers),
      chanceSection(document, layers),
      scaleSection(document, layers),
      changesSection(document, report.changes),
      topFeaturesSection(document, layers),
      firingSection(layers, texts),
      qualitySection(layers, report.qualityNote),
      cardsSection(document, cards, texts),
    ],
    footer:
      'A replication of “A Black Box Made Less Opaque (part 1)”. The same numbers are in results.json, beside this file.',
    cards: { features: cards.flatMap(({ features }) => features), texts, shown: SHOWN_TEXTS },
  })
}

function findingsSection(verdicts: readonly Verdict[]): VNode {
  return section('findings', 'What holds', [
    html`<p>The post’s claims about its model, checked against the figures of this one.</p>`,
    verdictList(verdicts),
    html`<aside class="notice" aria-label="How to read feature numbers">
      <p>${[html`<strong>Feature numbers belong to one layer.</strong>`, ` ${LAYER_CAVEAT}`]}</p>
    </aside>`,
  ])
}
