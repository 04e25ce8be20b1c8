// A feature's page: what it fires on, what it promotes, and what is like it.
import { html } from '../lab/report/html.ts'
import type { VNode } from 'preact'
import type { ExplainedFeature } from '../lab/analysis/features/explain.ts'
import { lensPart } from '../lab/report/lens-part.ts'
import { corpusPart, type InCorpus } from '../lab/report/corpus-part.ts'
import { firingTexts } from '../lab/report/feature-card.ts'
import {
  featureIn,
  histogramPart,
  LENS_NOTE,
  RELATIVES_NOTE,
  relativesPart,
  strongToWeak,
  type Feature,
} from '../lab/report/feature-parts.ts'
import { sentences } from '../lab/report/feature-sentences.ts'
import { chartDocument } from '../lab/report/page-node.ts'
import { renderReport, type Made } from '../lab/report/report-page.ts'
import { findingList, pictureOf, section } from '../lab/report/sections.ts'
import { namedFeature, tokenLegend, visible, type TokenText } from '../lab/report/tokens.ts'

/** All that the page shows; nothing in it needs escaping. */
interface FeatureReport extends Made {
  explained: ExplainedFeature
  texts: readonly TokenText[]
  inCorpus?: InCorpus
}

const SHOWN_TEXTS = 10
const BACKGROUND =
  'A feature of an SAE is a number and a direction, without a label that says what it stands for. What it fires on, and what it ' +
  'does to the model’s next token, are two ways to find out. They need not agree.'

/** A feature's page as one self-contained HTML file. */
export function renderFeatureReport({ explained, texts, inCorpus, ...made }: FeatureReport): string {
  const { dashboard } = explained
  // In the order of their strongest tokens.
  const firing = dashboard.firing_texts.map(({ text, mean }) => [text, mean] as const)
  const feature = featureIn(explained, firing, texts)
  const categories = texts.map(({ category }) => category)
  const neuronpedia =
    dashboard.neuronpedia === null
      ? []
      : [{ name: 'The same feature at Neuronpedia', href: dashboard.neuronpedia }]
  return renderReport({
    ...made,
    title: `Layer ${dashboard.layer}, feature ${namedFeature(dashboard.feature, dashboard.firing_texts.at(0)?.token)}`,
    eyebrow: 'clearbox · what a feature means',
    background: BACKGROUND,
    links: [...made.links, ...neuronpedia],
    picture: strongestPicture(feature, texts),
    claims: section('findings', 'What was found', findingList(sentences(dashboard, categories).map(visible))),
    body: [
      dashboard.max !== null && firingSection(feature, texts),
      inCorpus && section('corpus', 'Over a corpus', corpusPart(inCorpus, SHOWN_TEXTS)),
      section('lens', 'What it does to the next token', [html`<p>${LENS_NOTE}</p>`, lensPart(dashboard)]),
      section('relatives', 'Related features', [html`<p>${RELATIVES_NOTE}</p>`, relativesPart(dashboard)]),
    ],
    footer:
      'The same numbers are in results.json, and every firing token is in tokens.csv, beside this file.',
    cards: { features: [feature], texts, shown: SHOWN_TEXTS },
  })
}

/** Where it fires most. */
function strongestPicture(feature: Feature, texts: readonly TokenText[]): VNode | null {
  if (feature.texts.length === 0) return null
  return pictureOf(
    'The text in which it fires most strongly: the darker a token, the more strongly it fires there.',
    html`<div class="card">${firingTexts({ ...feature, texts: feature.texts.slice(0, 1) }, texts, 1)}</div>`,
  )
}

function firingSection(feature: Feature, texts: readonly TokenText[]): VNode {
  const { dashboard } = feature
  return section(
    'tokens',
    'What it fires on',
    html`${histogramPart(chartDocument(), dashboard)}
      <h3>The strongest texts</h3>
      <p>In order of their highest token; ${SHOWN_TEXTS} at most until you ask for more.</p>
      ${tokenLegend()}
      <article class="card" aria-label="The strongest texts">
        ${firingTexts(feature, texts, SHOWN_TEXTS)}
      </article>
      <h3>From strong to weak</h3>
      <p>
        The strongest texts flatter a feature. So for each quarter of its highest activation, here is the text
        whose own highest activation is nearest, cut around its strongest token.
      </p>
      ${strongToWeak(feature, texts)}`,
  )
}
