// A feature's card, and the section of a report that holds the cards.
import { corpusLens, corpusPart } from './corpus-part.ts'
import { html } from './html.ts'
import type { VNode } from 'preact'
import {
  histogramPart,
  LENS_NOTE,
  RELATIVES_NOTE,
  relativesPart,
  strongToWeak,
  type Feature,
} from './feature-parts.ts'
import { lensPart } from './lens-part.ts'
import { count, showNumber, showShare } from './numbers.ts'
import { layerParts, section } from './sections.ts'
import { firingText, namedFeature, tokenLegend, tokenText, type TokenText } from './tokens.ts'

/** The address of a feature's card within the page; unique to layer and feature. */
export function featureId({ layer, feature }: { layer: number | null; feature: number }): string {
  return `L${layer ?? ''}-${feature}`
}

/** A link to the feature's card, with the token on which it fires most. */
export function featureLink(layer: number | null, feature: number, token: string | null | undefined): VNode {
  return html`<a href="#${featureId({ layer, feature })}">${namedFeature(feature, token)}</a>`
}

/**
 * A feature's card: what it is, the texts that make it fire with their tokens marked, and what else is known. A corpus that has
 * the feature comes first: how often it fires there, its examples from strong to weak, the tokens that it promotes. The first
 * `shown` texts are in the page itself; where the page carries `showAllTexts` and the rest as data, a button brings them.
 * @param document to draw the histogram in
 */
export function featureCard(
  document: Document,
  feature: Feature,
  texts: readonly TokenText[],
  shown: number,
): VNode {
  const { dashboard, inCorpus } = feature
  const id = featureId(dashboard)
  const firing = feature.texts.length
  const highestMean = feature.texts.reduce((highest, [, mean]) => Math.max(highest, mean), 0)
  const facts =
    `Fires in ${count(firing, 'text')}, on ${showShare(dashboard.density)} of the tokens; silent in ${texts.length - firing}. ` +
    `Highest activation on one token: ${showNumber(dashboard.max ?? 0)}; highest mean over one text: ${showNumber(highestMean)}.`
  return html`<article class="card" id=${id} aria-labelledby="${id}-name">
    <h4 id="${id}-name">
      <span class="layer">Layer ${dashboard.layer}</span> feature
      ${' '}${namedFeature(dashboard.feature, dashboard.firing_texts.at(0)?.token)}
    </h4>
    <ul class="roles" aria-label="Roles">
      ${feature.roles.map((role) => html`<li>${role}</li>`)}
    </ul>
    ${
      inCorpus === undefined
        ? [html`<p class="facts">${facts}</p>`, ...firingTexts(feature, texts, shown)]
        : [
            corpusPart(inCorpus, shown),
            html`<details class="more">
              <summary>
                In the texts of this report<span class="sr">: feature ${dashboard.feature}</span>
              </summary>
              <p class="facts">${facts}</p>
              ${firingTexts(feature, texts, shown)}
            </details>`,
          ]
    }
    ${lensPart(inCorpus === undefined ? dashboard : corpusLens(inCorpus))}
    <details class="more">
      <summary>
        How strongly it fires, and its relatives<span class="sr">: feature ${dashboard.feature}</span>
      </summary>
      ${histogramPart(document, dashboard)} ${inCorpus === undefined && strongToWeak(feature, texts)}
      ${relativesPart(dashboard)}
    </details>
    ${
      dashboard.neuronpedia !== null &&
      html`<p class="facts">
        <a href=${dashboard.neuronpedia}>Feature ${dashboard.feature} at Neuronpedia</a>
      </p>`
    }
  </article>`
}

/** The texts that make a feature fire, their tokens marked: the first `shown`, and a button for the others. */
export function firingTexts(feature: Feature, texts: readonly TokenText[], shown: number): VNode[] {
  const { dashboard } = feature
  const max = dashboard.max ?? 0
  const rest = feature.texts.slice(shown).length
  const list = html`<ol class="texts">
    ${feature.texts.slice(0, shown).map(([index, mean, tokens]) => {
      const { category, note, runs } = firingText(texts[index], index, mean, tokens, max)
      return html`<li>
        <p class="note"><b>${category}</b> ${note}</p>
        ${tokenText(runs)}
      </li>`
    })}
  </ol>`
  if (rest === 0) return [list]
  return [
    list,
    html`<p class="rest">
      <span>${count(rest, 'weaker text')} not shown.</span>
      <button type="button" hidden data-feature=${featureId(dashboard)} data-max=${max} aria-expanded="false">
        Show all ${feature.texts.length}<span class="sr"> texts of feature ${dashboard.feature}</span>
      </button>
    </p>`,
  ]
}

/** How many texts a card holds before anyone asks for more. */
export const SHOWN_TEXTS = 3

/** The features of a layer that have cards. */
export interface LayerFeatures {
  readonly layer: number | null
  readonly features: readonly Feature[]
}

/** The section "Token by token": how to read a card, and the cards by layer. */
export function cardsSection(
  document: Document,
  layers: readonly LayerFeatures[],
  texts: readonly TokenText[],
): VNode {
  const hasCorpus = layers.some(({ features }) => features.some(({ inCorpus }) => inCorpus))
  const parts = layers.map(({ layer, features }) => ({
    title: `Layer ${layer ?? '?'}`,
    note:
      count(features.length, 'feature') +
      (hasCorpus && !features.some(({ inCorpus }) => inCorpus)
        ? ', of these texts alone: the corpus does not have this layer'
        : ''),
    content: html`<div class="cards">
      ${features.map((feature) => featureCard(document, feature, texts, SHOWN_TEXTS))}
    </div>`,
  }))
  return section('tokens', 'Token by token', [
    tokenLegend(),
    html`<details>
      <summary>What a card’s other numbers are</summary>
      <p>${LENS_NOTE}</p>
      <p>
        The strongest texts flatter a feature. So for each quarter of its highest activation, the card also
        shows the text whose own highest activation is nearest.
      </p>
      <p>${RELATIVES_NOTE}</p>
    </details>`,
    layerParts(parts),
  ])
}
