// The open card of an MLP neuron.
import { html } from '../../lab/report/html.ts'
import { lensPart } from '../../lab/report/lens-part.ts'
import { levelOf, showNumber } from '../../lab/report/numbers.ts'
import { levelClass } from '../../lab/report/tables.ts'
import { createContext, type ComponentChildren, type VNode } from 'preact'
import { useContext, useEffect, useRef } from 'preact/hooks'
import type { Change, NeuronRef } from '../../lab/models/changes.ts'
import type { NeuronCard } from '../protocol.ts'
import { offSwitch } from './edit-controls.ts'
import { tokenName } from './parts.ts'
import type { Dispatch, OpenNeuron } from './state.ts'
import type { ShownRun } from './text-run.ts'
import { chipText } from './token-strip.ts'

interface Desk {
  readonly run: ShownRun
  readonly neuron: NeuronRef | null
  readonly open: OpenNeuron | null
  readonly edit: readonly Change[]
  readonly dispatch: Dispatch
}

/** When a card arrives, only the card is drawn. */
export const NeuronContext = createContext<Desk | null>(null)

/** What a neuron does in this text, what it says about the next token, and how to turn it off. */
export function NeuronPanel(): VNode | null {
  const desk = useContext(NeuronContext)
  const heading = useRef<HTMLHeadingElement>(null)
  const { neuron = null } = desk ?? {}
  // Whoever opens it goes on reading there; whoever comes by a link starts at the top of the page.
  useEffect(() => {
    if (document.activeElement !== document.body) heading.current?.focus()
  }, [neuron?.layer, neuron?.neuron])
  if (desk === null || neuron === null) return null
  const { open, edit, dispatch } = desk
  const change: Change = { kind: 'neuron', ...neuron }
  const close = (): void => {
    buttonOf(neuron)?.focus()
    dispatch({ type: 'choose', choice: { neuron: null } })
  }
  const key = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') close()
  }
  return html`<div class="panel" role="region" aria-labelledby="neuron" onKeyDown=${key}>
    <header>
      <h3 id="neuron" tabindex="-1" ref=${heading}>Layer ${neuron.layer}, neuron ${neuron.neuron}</h3>
      <button type="button" onClick=${close}>Close<span class="sr"> the neuron’s card</span></button>
    </header>
    <p class="examples">
      <button type="button" ...${offSwitch(change, edit, dispatch)}>Turn this neuron off</button>
    </p>
    ${content(desk, open)}
  </div>`
}

function content({ run }: Desk, open: OpenNeuron | null): ComponentChildren {
  if (open?.failure)
    return html`<div class="notice" role="alert">
      <p>${`${open.failure.message} ${open.failure.advice}`}</p>
    </div>`
  const card = open?.card
  if (!card || card.values.length !== run.tokens.length) return html`<p role="status">Reading the text …</p>`
  return [
    html`<h4>How active is it at each token?</h4>`,
    activations(run, card),
    html`<p class="note">
      After GELU: orange above 0, blue below, on a scale up to the largest size in this text, BOS excluded.
    </p>`,
    html`<h4>What does it say about the next token?</h4>`,
    lensPart(card),
    html`<p class="note">
      What one unit of its row of c_proj adds to the logits through the final LayerNorm and the unembedding,
      minus the mean over the vocabulary. The layers in between are left out.
    </p>`,
  ]
}

/** The text, each token coloured by the neuron's activation there. */
function activations(run: ShownRun, { values }: NeuronCard): VNode {
  const most = Math.max(...values.subarray(1).map(Math.abs))
  return html`<ol class="neuron-tokens" aria-label="Its activation at each token">
    ${run.tokens.map(({ shown }, token) => {
      const number = showNumber(values[token])
      const level = token === 0 ? 0 : levelOf(values[token], most)
      return html`<li class=${levelClass(level)} title="${tokenName(run, token)}: ${number}">
        <code>${token === 0 ? 'BOS' : chipText(shown)}</code><small>${number}</small>
      </li>`
    })}
  </ol>`
}

/** The neuron's row in its layer's column, if it is among those shown. */
function buttonOf({ layer, neuron }: NeuronRef): HTMLElement | null {
  return document.querySelector(`.bar[data-layer="${layer}"][data-neuron="${neuron}"]`)
}
