// The pieces that several blocks of the page are made of.
import { html } from '../../lab/report/html.ts'
import { h, type ComponentChildren, type VNode } from 'preact'
import type { Step } from '../sources-shape.ts'
import { showShare } from '../../lab/report/numbers.ts'
import { showToken } from '../../lab/report/tokens.ts'
import type { Opened } from '../protocol.ts'
import { Computed } from './computed.ts'
import { Fold } from './fold.ts'
import type { ShownRun } from './text-run.ts'

interface Section {
  readonly id: string
  /** The question that the block answers. */
  readonly title: string
  /** What the block shows, in one or two sentences. */
  readonly lead: ComponentChildren
  readonly step: Step
  /** Whether it is open from the start on a phone, where blocks fold. */
  readonly open?: boolean
}

/** A block of the page: the question it answers, what it shows, the thing itself, and how it is computed. */
export function section({ id, title, lead, step, open }: Section, content: ComponentChildren): VNode {
  return html`<${Fold} id=${id} title=${title} open=${open}>
    <p>${lead}</p>
    ${content} ${h(Computed, { step, what: title })}
  <//>`
}

/** One column per layer, in a frame that scrolls sideways if they do not fit. */
export function layerColumns(
  run: ShownRun,
  label: string,
  column: (layer: number) => ComponentChildren,
): VNode {
  return html`<div class="scroll" role="region" aria-label=${label} tabindex="0">
    <ol class="columns">
      ${run.layers.map(
        (_, layer) =>
          html`<li>
            <h3>Layer ${layer}</h3>
            ${column(layer)}
          </li>`,
      )}
    </ol>
  </div>`
}

/** Does something that takes the pressed button away: the focus goes on to another element, not to the page's beginning. */
export function thenFocus(act: () => void, selector: string): () => void {
  return () => {
    act()
    requestAnimationFrame(() => document.querySelector<HTMLElement>(selector)?.focus({ preventScroll: true }))
  }
}

/** Shown instead of a layer's features, in a user's own model. */
export const noSae = html`<p class="note">There is no SAE at this layer.</p>`

/** A row whose background is its bar. */
export interface Bar {
  readonly label: ComponentChildren
  readonly shown: string
  /** How far the bar reaches, 0 to 1. */
  readonly share: number
  /** The row's key, which identifies it as rows come and go; and, if the row is a button, its attributes and action. */
  readonly key?: number
  readonly button?: Readonly<Record<string, unknown>>
}

/** Rows with bars behind them. */
export function barList(rows: readonly Bar[], label: string): VNode {
  return html`<ol class="bars" aria-label=${label}>
    ${rows.map(barRow)}
  </ol>`
}

function barRow({ label, shown, share, key, button }: Bar): VNode {
  const style = `--share: ${Math.max(0, Math.min(1, share)).toFixed(3)}`
  const content = [html`<span class="what">${label}</span>`, html`<b>${shown}</b>`]
  return button === undefined
    ? html`<li class="bar" style=${style}>${content}</li>`
    : html`<li key=${key}>
        <button type="button" class="bar" style=${style} ...${button}>${content}</button>
      </li>`
}

/** What was typed or chosen in a field. */
export function valueOf({ target }: Event): string {
  return (target as HTMLInputElement).value
}

/** A technical term where it is explained. */
export function term(name: string): VNode {
  return html`<em>${name}</em>`
}

/** A token of the text, in quotes. */
export function textToken(run: ShownRun, position: number): VNode {
  return html`<code>${tokenName(run, position)}</code>`
}

/** The same as a string: BOS by its name. */
export function tokenName(run: ShownRun, position: number): string {
  return position === 0 ? 'BOS' : showToken(run.tokens[position].shown)
}

/** A token of the vocabulary, by its id. */
export function vocabularyName(run: ShownRun, id: number): string {
  const name = run.names.get(id)
  return name === undefined ? `token ${id}` : showToken(name)
}

/** A feature's number, and the token that it fires on most in the bundled texts, if there is one: a hint of its meaning. */
export function featureName({ saes }: Opened, layer: number, feature: number): ComponentChildren {
  const hint = saes[layer].hints[feature]
  return [
    html`<span><span class="sr">Layer ${layer}, feature </span>${feature}</span>`,
    hint === '' ? null : html`<code class="hint">${showToken(hint)}</code>`,
  ]
}

/** A probability: a share of 1 in percent. */
export function showProbability(probability: number): string {
  return probability > 0 && probability < 0.0005 ? '< 0.05 %' : showShare(probability)
}
