import { html } from 'htm/preact'
import type { VNode } from 'preact'
import { firingTexts } from '../lab/report/feature-card.ts'
import {
  histogramPart,
  LENS_NOTE,
  lensPart,
  RELATIVES_NOTE,
  relativesPart,
  strongToWeak,
  type Feature,
  type FiringText,
} from '../lab/report/feature-parts.ts'
import { pageHeader, type PageLink } from '../lab/report/header.ts'
import { chartDocument, renderPage } from '../lab/report/page-node.ts'
import type { Provenance } from '../lab/models/provenance.ts'
import { provenanceTable } from '../lab/report/provenance-table.ts'
import { showAllScript, TOKEN_DATA_ID, tokenData } from '../lab/report/show-all.ts'
import { firingTokens, tokenLegend, type TokenText } from '../lab/report/tokens.ts'
import type { ExplainedFeature } from '../lab/analysis/features/explain.ts'
import { sentences } from '../lab/report/feature-sentences.ts'

/** All that the page shows; nothing in it needs escaping. */
export interface FeatureReport {
  provenance: Provenance
  explained: ExplainedFeature
  texts: readonly TokenText[]
  /** Other pages. */
  links: readonly PageLink[]
}

const SHOWN_TEXTS = 10
const QUESTION =
  'An SAE’s feature is a number and a direction; nobody says what it stands for. What it fires on, and what it does to ' +
  'the model’s next word, are two ways to find out. They need not agree.'

/** A feature's page as one self-contained HTML file. */
export function renderFeatureReport(report: FeatureReport): string {
  const { figures } = report.explained
  const feature = featureOf(report)
  return renderPage({
    title: `Layer ${figures.layer}, feature ${figures.feature} · ${report.provenance.model}`,
    description: 'What one feature of a sparse autoencoder fires on, and what it does.',
    body: page(report, feature),
    data: { id: TOKEN_DATA_ID, value: tokenData([feature], report.texts, SHOWN_TEXTS) },
    script: showAllScript(),
  })
}

/** The feature with the texts in which it fires, in the order of their strongest tokens. */
function featureOf({ explained: { figures, column }, texts }: FeatureReport): Feature {
  const firing = figures.firing_texts.map(({ text, mean }): FiringText => {
    return [text, mean, firingTokens(texts[text].pieces, column[text])]
  })
  return { layer: figures.layer, feature: figures.feature, roles: [], texts: firing, figures }
}

function page(report: FeatureReport, feature: Feature): VNode {
  const { provenance, explained, texts, links } = report
  const { figures } = explained
  const found = sentences(
    figures,
    texts.map(({ category }) => category),
  )
  const neuronpedia =
    figures.neuronpedia === null
      ? []
      : [{ name: 'The same feature at Neuronpedia', href: figures.neuronpedia }]
  const others = [...links, ...neuronpedia]
  return html`<main>
    ${pageHeader({ eyebrow: 'clearbox · what a feature means', title: `Layer ${figures.layer}, feature ${figures.feature}`, question: QUESTION, links: others })}
    <div class="opening">
      <section aria-labelledby="findings">
        <h2 id="findings">What was found</h2>
        <ul class="findings">
          ${found.map((sentence) => html`<li>${sentence}</li>`)}
        </ul>
      </section>
      ${provenanceTable(provenance)}
    </div>
    ${figures.max !== null && firingSection(feature, texts)}
    <section aria-labelledby="lens">
      <h2 id="lens">What it says to the next word</h2>
      <p>${LENS_NOTE}</p>
      ${lensPart(figures)}
    </section>
    <section aria-labelledby="relatives">
      <h2 id="relatives">Related features</h2>
      <p>${RELATIVES_NOTE}</p>
      ${relativesPart(figures)}
    </section>
    <footer>
      The same numbers stand in results.json, every firing token in tokens.csv, beside this file.
    </footer>
  </main>`
}

function firingSection(feature: Feature, texts: readonly TokenText[]): VNode {
  const { figures } = feature
  return html`<section aria-labelledby="tokens">
    <h2 id="tokens">What it fires on</h2>
    ${histogramPart(chartDocument(), figures)}
    <h3>The strongest texts</h3>
    <p>By their highest token; at most ${SHOWN_TEXTS} before you ask for more.</p>
    ${tokenLegend()}
    <article class="card" aria-label="The strongest texts">
      ${firingTexts(feature, texts, SHOWN_TEXTS)}
    </article>
    <h3>From strong to weak</h3>
    <p>
      Strong texts flatter a feature. For each quarter of its highest activation, the text whose own highest
      is nearest, around its strongest token.
    </p>
    ${strongToWeak(feature, texts)}
  </section>`
}
