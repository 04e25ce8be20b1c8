import { html } from 'htm/preact'
import type { VNode } from 'preact'
import { histogram } from '../report/charts.ts'
import { featureCard, firingList, type Feature, type FiringText } from '../report/feature-card.ts'
import { count, levelOf, showCorrelation, showNumber } from '../report/numbers.ts'
import { chartDocument, renderPage } from '../report/page-node.ts'
import { provenanceTable, type Provenance } from '../report/provenance.ts'
import { showAllScript, TOKEN_DATA_ID, tokenData } from '../report/show-all.ts'
import { chartFrame, dataTable, figure } from '../report/tables.ts'
import { firingTokens, showToken, tokenLegend, type TokenText } from '../report/tokens.ts'
import { LEAST_TOGETHER } from './correlate.ts'
import type { ExplainedFeature } from './explain.ts'
import type { FeatureFigures, TokenEffect } from './results.ts'
import { sentences, showShare } from './sentences.ts'

/** All that the page shows; nothing in it needs escaping. */
export interface FeatureReport {
  provenance: Provenance
  explained: ExplainedFeature
  texts: readonly TokenText[]
  /** Other pages: what to call them, and where they are from here. */
  links: readonly { name: string; href: string }[]
}

const SHOWN_TEXTS = 10
const QUESTION =
  'An SAE’s feature is a number and a direction; nobody says what it stands for. What it fires on, and what it does to ' +
  'the model’s next word, are two ways to find out. They need not agree.'

/** What a feature's numbers of the logit lens are made of. */
export const LENS_NOTE =
  'The feature’s decoder row as the final LayerNorm and the unembedding see it: its mean taken out, multiplied by ' +
  'ln_f.weight, then by wte; the mean over the vocabulary taken out. Neither LayerNorm’s division by the stream’s size, which ' +
  'differs from token to token, nor its bias is applied, nor the layers in between: the order of tokens means something, ' +
  'the size of numbers only beside each other.'

/** A feature's page as one self-contained HTML file. */
export function renderFeatureReport(report: FeatureReport): string {
  const { layer, feature } = report.explained.figures
  const card = cardOf(report)
  return renderPage({
    title: `Layer ${layer}, feature ${feature} · ${report.provenance.model}`,
    description: 'What one feature of a sparse autoencoder fires on, and what it does.',
    body: page(report, card),
    data: { id: TOKEN_DATA_ID, value: tokenData([card], report.texts, SHOWN_TEXTS) },
    script: showAllScript(),
  })
}

/** The feature as a card shows it. */
function cardOf({ explained: { figures, column }, texts }: FeatureReport): Feature {
  return {
    layer: figures.layer,
    feature: figures.feature,
    roles: [`fires on ${showShare(figures.density)} of the tokens`],
    texts: figures.firing_texts.map(({ text, mean }): FiringText => {
      return [text, mean, firingTokens(texts[text].pieces, column[text])]
    }),
  }
}

function page(report: FeatureReport, card: Feature): VNode {
  const { provenance, explained, texts, links } = report
  const { figures } = explained
  const found = sentences(
    figures,
    texts.map(({ category }) => category),
  )
  return html`<main>
    <header>
      <p class="eyebrow">clearbox · what a feature means</p>
      <h1>Layer ${figures.layer}, feature ${figures.feature}</h1>
      <p class="question">${QUESTION}</p>
      <nav aria-label="Other pages">
        <ul>
          ${links.map(({ name, href }) => html`<li><a href=${href}>${name}</a></li>`)}
          ${figures.neuronpedia && html`<li><a href=${figures.neuronpedia}>The same feature at Neuronpedia</a></li>`}
        </ul>
      </nav>
    </header>
    <div class="opening">
      <section aria-labelledby="findings">
        <h2 id="findings">What was found</h2>
        <ul class="findings">
          ${found.map((sentence) => html`<li>${sentence}</li>`)}
        </ul>
      </section>
      ${provenanceTable(provenance)}
    </div>
    ${figures.max !== null && activationsSection(figures)}
    <section aria-labelledby="tokens">
      <h2 id="tokens">What it fires on</h2>
      <h3>The strongest texts</h3>
      <p>By their highest token; at most ${SHOWN_TEXTS} before you ask for more.</p>
      ${tokenLegend()}
      <div class="cards">${featureCard(card, texts, SHOWN_TEXTS)}</div>
      ${figures.max !== null && quantileExamples(figures, card, texts)}
    </section>
    ${lensSection(figures)} ${relativesSection(figures)}
    <footer>
      The same numbers stand in results.json, every firing token in tokens.csv, beside this file.
    </footer>
  </main>`
}

function activationsSection({ histogram: bins, max, ...figures }: FeatureFigures): VNode {
  const name = 'How strongly it fires, where it does'
  const chart = histogram(chartDocument(), bins, {
    title: name,
    description: `${count(figures.firing_tokens, 'activation')} from 0 to ${showNumber(max)}, mean ${showNumber(figures.mean_where_it_fires)}`,
  })
  return html`<section aria-labelledby="activations">
    <h2 id="activations">Activations</h2>
    ${figure(
      `Tokens by activation, zeros left out: it is silent on ${showShare(1 - figures.density)} of the ${figures.tokens} tokens.`,
      chartFrame(name, chart),
      {
        caption: name,
        columns: ['Activation up to', 'Tokens'],
        rows: bins.counts.map((tokens, i) => ({
          head: showNumber(bins.edges[i + 1]),
          cells: [{ content: tokens }],
        })),
      },
    )}
  </section>`
}

/** A text near each quarter of the maximum: strong activations alone would flatter the feature. */
function quantileExamples(
  { quantile_examples: examples }: FeatureFigures,
  card: Feature,
  texts: readonly TokenText[],
): VNode[] {
  const max = examples[0].max
  const listed = (text: number) => card.texts.filter(([index]) => index === text)
  return [
    html`<h3>From strong to weak</h3>`,
    html`<p>
      Strong texts flatter a feature. For each quarter of its highest activation, the text whose own highest
      is nearest.
    </p>`,
    html`<div class="cards">
      ${examples.map(
        ({ share, text, max: own }) =>
          html`<article class="card">
            <h4>Near ${100 * share} % of its highest: ${showNumber(own)}</h4>
            ${firingList(listed(text), texts, max)}
          </article>`,
      )}
    </div>`,
  ]
}

function lensSection({ promoted, suppressed }: FeatureFigures): VNode {
  const max = Math.max(...[...promoted, ...suppressed].map(({ logit }) => Math.abs(logit)))
  const table = (caption: string, tokens: readonly TokenEffect[]): VNode =>
    dataTable({
      caption,
      columns: ['Token', 'Id', 'Logit'],
      rows: tokens.map(({ id, token, logit }) => ({
        head: html`<code>${showToken(token)}</code>`,
        cells: [{ content: id }, { content: showNumber(logit), level: levelOf(logit, max) }],
      })),
    })
  return html`<section aria-labelledby="lens">
    <h2 id="lens">What it says to the next word</h2>
    <p>${LENS_NOTE}</p>
    <div class="panels">${table('Promoted', promoted)} ${table('Suppressed', suppressed)}</div>
  </section>`
}

function relativesSection({ layer, nearest, next_layer: next }: FeatureFigures): VNode {
  return html`<section aria-labelledby="relatives">
    <h2 id="relatives">Related features</h2>
    <div class="panels">
      ${dataTable({
        caption: `Nearest in layer ${layer}`,
        columns: ['Feature', 'Cosine'],
        rows: nearest.map(({ feature, cosine }) => ({
          head: String(feature),
          cells: [{ content: showCorrelation(cosine), level: levelOf(cosine, 1) }],
        })),
      })}
      ${
        next &&
        next.features.length > 0 &&
        dataTable({
          caption: `Go with it in layer ${next.layer}`,
          columns: ['Feature', 'Correlation', 'Both fire', 'It fires'],
          rows: next.features.map(({ feature, correlation, ...tokens }) => ({
            head: String(feature),
            cells: [
              { content: showCorrelation(correlation), level: levelOf(correlation, 1) },
              { content: tokens.together },
              { content: tokens.firing_tokens },
            ],
          })),
        })
      }
    </div>
    <p>
      Cosines are between decoder rows. Correlations are Pearson’s, over the activations at every token but
      BOS; features that fire together on fewer than ${LEAST_TOGETHER} tokens are left out. Layers are SAEs
      trained separately: the same number in two of them means nothing.
    </p>
  </section>`
}
