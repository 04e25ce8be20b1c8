// What the bundled texts show of a feature.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { Card } from '../protocol.ts'
import { sentences } from '../../lab/report/feature-sentences.ts'
import { firingTexts } from '../../lab/report/feature-card.ts'
import {
  histogramPart,
  LENS_NOTE,
  RELATIVES_NOTE,
  relativesPart,
  type Feature,
} from '../../lab/report/feature-parts.ts'
import { lensPart } from '../../lab/report/lens-part.ts'
import { count } from '../../lab/report/numbers.ts'
import { tokenLegend, type TokenText } from '../../lab/report/tokens.ts'
import { corpusFirings, corpusSummary } from './corpus-card.ts'
import { BUNDLED_TEXTS } from './examples.ts'
import { memo } from './memo.ts'
import type { Dispatch } from './state.ts'

const CATEGORIES = BUNDLED_TEXTS.map(({ category }) => category)

export const CardContent = memo(({ card, dispatch }: { card: Card; dispatch: Dispatch }): VNode => {
  const { dashboard, inCorpus } = card
  const [tapped, setTapped] = useState('')
  const readMark = ({ target }: MouseEvent): void => {
    setTapped(target instanceof Element ? (target.closest('mark')?.title ?? '') : '')
  }
  const featureLink = (feature: number, layer: number): VNode =>
    html`<button
      type="button"
      class="plain"
      aria-label="Layer ${layer}, feature ${feature}"
      onClick=${() => dispatch({ type: 'choose', choice: { feature: { layer, feature } } })}
    >
      ${String(feature)}
    </button>`
  const intro =
    'Nobody wrote down what it stands for; it was found by training. This is what it does in the ' +
    `${count(BUNDLED_TEXTS.length, 'bundled text')}.`
  return html`<div>
    <p class="note">${intro}</p>
    <div class="card-columns">
      <div>
        <ul class="findings">
          ${sentences(dashboard, CATEGORIES).map((sentence) => html`<li>${sentence}</li>`)}
        </ul>
        ${histogramPart(document, dashboard)}
      </div>
      <div>
        <h3>Where it fires most</h3>
        <div
          class="strongest"
          role="region"
          aria-label="Where it fires most"
          tabindex="0"
          onClick=${readMark}
        >
          ${strongestTexts(card)}
        </div>
        <p class="note" role="status">${tapped}</p>
      </div>
    </div>
    ${lensPart(dashboard)} ${relativesPart(dashboard, featureLink)}
    ${
      inCorpus && [
        html`<h3>Firing by firing</h3>`,
        !inCorpus.facts.bundled && corpusSummary(inCorpus),
        corpusFirings(inCorpus, (feature) => featureLink(feature, dashboard.layer)),
      ]
    }
    <details>
      <summary>How to read the card</summary>
      ${tokenLegend()}
      <p>${LENS_NOTE}</p>
      <p>${RELATIVES_NOTE}</p>
    </details>
  </div>`
})

function strongestTexts({ dashboard, texts }: Card): VNode | VNode[] {
  if (texts.length === 0) return html`<p>Nowhere in these texts.</p>`
  const byNumber: TokenText[] = []
  for (const { index, text } of texts) byNumber[index] = text
  const feature: Feature = {
    ...{ roles: [], dashboard },
    texts: texts.map(({ index, mean, firing }) => [index, mean, firing] as const),
  }
  return firingTexts(feature, byNumber, texts.length)
}
