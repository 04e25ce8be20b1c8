import { html } from 'htm/preact'
import { h, type VNode } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Card } from '../protocol.ts'
import { sentences } from '../../feature/sentences.ts'
import { firingTexts } from '../../report/feature-card.ts'
import {
  histogramPart,
  LENS_NOTE,
  lensPart,
  RELATIVES_NOTE,
  relativesPart,
  type Feature,
} from '../../report/feature-parts.ts'
import { count } from '../../report/numbers.ts'
import { tokenLegend, type TokenText } from '../../report/tokens.ts'
import { Computed } from './computed.ts'
import { EditControls } from './edit-controls.ts'
import { BUNDLED_TEXTS } from './examples.ts'
import type { Edit, FeatureRef } from './link.ts'
import { memo } from './memo.ts'
import type { Dispatch, OpenCard } from './state.ts'

interface Props {
  readonly feature: FeatureRef
  readonly open: OpenCard | null
  readonly edit: Edit | null
  readonly dispatch: Dispatch
}

/** What a feature stands for, as far as the bundled texts show it, and what to do to it. */
export const CardPanel = memo(({ feature, open, edit, dispatch }: Props): VNode => {
  const heading = useFocusOnChange(feature)
  const close = (): void => {
    const { layer, feature: index } = feature
    document.querySelector<HTMLElement>(`[data-layer="${layer}"][data-feature="${index}"]`)?.focus()
    dispatch({ type: 'choose', choice: { feature: null } })
  }
  const key = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') close()
  }
  return html`<section class="panel" aria-labelledby="card" onKeyDown=${key}>
    <header>
      <h2 id="card" tabindex="-1" ref=${heading}>Layer ${feature.layer}, feature ${feature.feature}</h2>
      <button type="button" onClick=${close}>Close<span class="sr"> the card</span></button>
    </header>
    ${cardContent(open)} ${h(EditControls, { feature, edit, max: open?.card?.figures.max ?? null, dispatch })}
    ${h(Computed, { step: 'card', what: 'The card' })}
  </section>`
})

/** Whoever opens a card goes on reading there; who comes by a link begins at the top of the page. */
function useFocusOnChange(feature: FeatureRef) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (document.activeElement !== document.body) heading.current?.focus()
  }, [feature.layer, feature.feature])
  return heading
}

function cardContent(open: OpenCard | null): VNode | VNode[] {
  if (open?.failure)
    return html`<div class="notice" role="alert"><p>${open.failure.message} ${open.failure.advice}</p></div>`
  if (!open?.card) return html`<p role="status">Looking through the bundled texts …</p>`
  const { card } = open
  const { figures } = card
  const found = sentences(
    figures,
    BUNDLED_TEXTS.map(({ category }) => category),
  )
  return [
    html`<p class="note">
      ${`What it stands for nobody wrote down: it was found by training. This is what it does in the ${count(BUNDLED_TEXTS.length, 'bundled text')}.`}
    </p>`,
    html`<div class="card-columns">
      <div>
        <ul class="findings">
          ${found.map((sentence) => html`<li>${sentence}</li>`)}
        </ul>
        ${histogramPart(document, figures)}
      </div>
      <div>
        <h3>Where it fires most</h3>
        ${cardTexts(card)}
      </div>
    </div>`,
    lensPart(figures),
    relativesPart(figures),
    html`<details>
      <summary>How to read the card</summary>
      ${tokenLegend()}
      <p>${LENS_NOTE}</p>
      <p>${RELATIVES_NOTE}</p>
    </details>`,
  ]
}

function cardTexts({ figures, texts }: Card): VNode | VNode[] {
  if (texts.length === 0) return html`<p>Nowhere in these texts.</p>`
  const { layer, feature: index } = figures
  const byNumber: TokenText[] = []
  for (const { index: number, text } of texts) byNumber[number] = text
  const feature: Feature = {
    ...{ layer, feature: index, roles: [], figures },
    texts: texts.map(({ index: number, mean, firing }) => [number, mean, firing] as const),
  }
  return firingTexts(feature, byNumber, texts.length)
}
