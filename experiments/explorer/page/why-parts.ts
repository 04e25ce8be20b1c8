// Effects on a logit as pictures: how it builds up part by part, and bars on either side of zero.
import { html } from '../../lab/report/html.ts'
import { showSigned } from '../../lab/report/numbers.ts'
import type { ComponentChildren, VNode } from 'preact'
import type { Why } from '../protocol.ts'

/** Three digits after the point, with its sign. */
function showEffect(value: number): string {
  return showSigned(value, 3)
}

/** The parts that add up to the logit, in the model's order. */
function partsOf({ embedding, position, layers, bias }: Why): { name: string; effect: number }[] {
  return [
    { name: 'Token embedding', effect: embedding },
    { name: 'Position', effect: position },
    ...layers.flatMap(({ attention, mlp }, layer) => [
      { name: `Layer ${layer}, attention`, effect: attention },
      { name: `Layer ${layer}, MLP`, effect: mlp },
    ]),
    { name: 'Final LayerNorm’s bias', effect: bias },
  ]
}

/** How the logit builds up: each bar begins where the one before it ended. */
export function waterfall(why: Why): VNode {
  let reached = 0
  const rows = partsOf(why).map(({ name, effect }) => {
    const from = reached
    reached += effect
    return { name, effect, from, to: reached }
  })
  const ends = [0, ...rows.map(({ to }) => to)]
  const scale = scaleOf(Math.min(...ends), Math.max(...ends))
  const row = ({ name, effect, from, to }: (typeof rows)[number], own = ''): VNode =>
    html`<li class=${own} title="${name}: ${showEffect(effect)}, then ${showEffect(to)} in all">
      <span class="what">${name}</span>
      <span class="track" style=${scale.zero}>${scale.bar(from, to)}</span>
      <b>${showEffect(effect)}</b>
    </li>`
  return html`<figure>
    <figcaption>How the logit comes about, part by part</figcaption>
    <ol class="effects waterfall" aria-label="Parts of the logit">
      ${rows.map((one) => row(one))}
      ${row({ name: 'Together', effect: why.sum, from: 0, to: why.sum }, 'total')}
    </ol>
  </figure>`
}

/** Positions of numbers on a track, in percent. */
function scaleOf(low: number, high: number) {
  const span = high - low || 1
  const place = (value: number): number => (100 * (value - low)) / span
  return {
    zero: `--zero: ${place(0).toFixed(2)}%`,
    bar: (from: number, to: number, kind = ''): VNode => {
      const left = place(Math.min(from, to))
      const style = `left: ${left.toFixed(2)}%; width: ${(place(Math.max(from, to)) - left).toFixed(2)}%`
      return html`<i class="${to < from ? 'against' : 'for'} ${kind}" style=${style}></i>`
    },
  }
}

/** A part with its direct effect and, if it was tried, what the logit loses without it. */
export interface Effect {
  readonly key: string
  readonly label: ComponentChildren
  readonly note: ComponentChildren
  readonly effect: number
  readonly loss: number | null
  readonly open: () => void
}

/** Rows that are buttons, with bars on either side of zero, all on one scale. */
export function effectList(effects: readonly Effect[], most: number, label: string): VNode {
  const scale = scaleOf(-most, most)
  return html`<ol class="effects" aria-label=${label}>
    ${effects.map(
      ({ key, label, note, effect, loss, open }) =>
        html`<li key=${key}>
          <button type="button" data-effect=${effect} data-loss=${loss} data-part=${key} onClick=${open}>
            <span class="what">${label} <small>${note}</small></span>
            <span class="track" style=${scale.zero}
              >${scale.bar(0, effect)}${loss !== null && scale.bar(0, loss, 'loss')}</span
            >
            <b
              >${showEffect(effect)}<span class="sr"> directly</span>${
                loss !== null && html`<small>${showEffect(loss)}<span class="sr"> by ablation</span></small>`
              }</b
            >
          </button>
        </li>`,
    )}
  </ol>`
}
