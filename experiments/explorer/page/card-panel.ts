// The open card of a feature.
import { html } from '../../lab/report/html.ts'
import { h, type ComponentChildren, type VNode } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { CardContent } from './card-content.ts'
import { changes } from './changes.ts'
import { Computed } from './computed.ts'
import { EditControls } from './edit-controls.ts'
import type { Change, FeatureRef } from '../../lab/models/changes.ts'
import type { ShownRun } from './text-run.ts'
import type { Dispatch, OpenCard, State } from './state.ts'

interface Props {
  readonly feature: FeatureRef
  readonly open: OpenCard | null
  /** How many of the bundled texts have been read, if they are read for this card. */
  readonly progress: State['progress']
  readonly edit: readonly Change[]
  readonly run: ShownRun
  readonly token: number
  readonly dispatch: Dispatch
}

/** A feature's card: what you can do to it, what that changed, and what it stands for as far as the bundled texts show. */
export function CardPanel({ feature, open, progress, edit, run, token, dispatch }: Props): VNode {
  const { heading, opener } = useFocusOnChange(feature)
  const close = (): void => {
    const row = opener.current?.isConnected ? opener.current : featureButton(feature)
    row?.focus()
    dispatch({ type: 'choose', choice: { feature: null } })
  }
  const key = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') close()
  }
  const max = open?.card?.dashboard.max ?? null
  return html`<section class="panel" aria-labelledby="card" onKeyDown=${key}>
    <header>
      <h2 id="card" tabindex="-1" ref=${heading}>
        What is feature ${feature.feature} of layer ${feature.layer}?
      </h2>
      <button type="button" onClick=${close}>Close<span class="sr"> the card</span></button>
    </header>
    ${h(EditControls, { feature, edit, max, dispatch })}
    ${run.edited && changes(run, run.edited, token, dispatch)} ${content(open, progress, dispatch)}
    ${h(Computed, { step: 'card', what: 'The card' })}
  </section>`
}

function content(open: OpenCard | null, progress: State['progress'], dispatch: Dispatch): ComponentChildren {
  if (open?.failure)
    return html`<div class="notice" role="alert">
      <p>${`${open.failure.message} ${open.failure.advice}`}</p>
    </div>`
  if (!open?.card)
    return html`<p role="status">Looking through the bundled texts …</p>
      ${progress && html`<p class="note">${progress.done} of ${progress.total} have been read.</p>`}`
  return h(CardContent, { card: open.card, dispatch })
}

/** Whoever opens a card goes on reading there; whoever comes by a link starts at the top of the page. */
function useFocusOnChange(feature: FeatureRef) {
  const heading = useRef<HTMLHeadingElement>(null)
  const opener = useRef<HTMLElement | null>(null)
  useEffect(() => {
    const { activeElement } = document
    if (activeElement === document.body) return
    // the number of a related feature disappears together with the card
    if (activeElement instanceof HTMLElement && !activeElement.closest('.panel'))
      opener.current = activeElement
    heading.current?.focus()
  }, [feature.layer, feature.feature])
  return { heading, opener }
}

/** The feature's row in its layer's column, if it is among those shown. */
function featureButton({ layer, feature }: FeatureRef): HTMLElement | null {
  return document.querySelector(`.bar[data-layer="${layer}"][data-feature="${feature}"]`)
}
