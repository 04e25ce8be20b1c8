// How two layers differ, side by side.
import { html } from '../../lab/report/html.ts'
import { h, type VNode } from 'preact'
import { useState } from 'preact/hooks'
import { showNumber } from '../../lab/report/numbers.ts'
import { dataTable } from '../../lab/report/tables.ts'
import { probabilityBars } from './guesses.ts'
import type { Link } from './link.ts'
import {
  featuresAt,
  meanFeatures,
  meanFiring,
  strongest,
  topAt,
  type Entry,
  type ShownRun,
} from './text-run.ts'
import { barList, featureName, section, textToken, tokenName, valueOf, vocabularyName } from './parts.ts'
import type { Dispatch } from './state.ts'

const SHOWN = 5

/** Two layers side by side: at one token, and over the text. */
export function comparison(
  run: ShownRun,
  token: number,
  compare: Link['compare'],
  dispatch: Dispatch,
): VNode {
  const chooser = (name: string, chosen: number, pair: (layer: number) => Link['compare']): VNode => {
    const choose = (event: Event): void =>
      dispatch({ type: 'choose', choice: { compare: pair(Number(valueOf(event))) } })
    return html`<label
      >${name}${' '}
      <select value=${chosen} onChange=${choose}>
        ${run.layers.map((_, layer) => html`<option value=${layer} selected=${layer === chosen}>layer ${layer}</option>`)}
      </select>
    </label>`
  }
  const [left, right] = compare
  return section(
    {
      id: 'compare',
      title: 'How do two layers differ?',
      step: 'features',
      lead:
        'The same text at two depths. Their features are two different vocabularies: the same number means a different ' +
        'thing in each. Activations of deeper layers are larger because the stream itself grows.',
    },
    [
      html`<p class="choosers">
        ${chooser('Compare', left, (layer) => [layer, right])}
        ${chooser('with', right, (layer) => [left, layer])}
      </p>`,
      html`<div class="sides">${compare.map((layer) => side(run, layer, token))}</div>`,
      h(OverTheText, { run, compare }),
    ],
  )
}

function side(run: ShownRun, layer: number, token: number): VNode {
  const { features, lens } = run.layers[layer]
  const bars = (entries: readonly Entry[], max: number) =>
    entries.map(({ index, value }) => ({
      label: featureName(run.opened, layer, index),
      shown: showNumber(value),
      share: value / max,
    }))
  const here = featuresAt(features, token)
  const means = meanFeatures(features, SHOWN)
  return html`<div>
    <h3>Layer ${layer}</h3>
    <p class="note">
      ${showNumber(Number(meanFiring(features).toPrecision(3)))} features fire on a token, on average over the
      text.
    </p>
    <h4>At ${textToken(run, token)}: ${here.length} features</h4>
    ${barList(bars(here.slice(0, SHOWN), strongest(features)), `Features of layer ${layer} at this token`)}
    <h4>Averaged over the text</h4>
    ${barList(bars(means, means[0]?.value ?? 1), `Features of layer ${layer}, averaged over the text`)}
    <h4>It would say</h4>
    ${barList(probabilityBars(run, topAt(lens, token).slice(0, SHOWN)), `Guesses after layer ${layer}`)}
  </div>`
}

/** Each token's strongest feature and first guess, in both layers. */
function OverTheText({ run, compare }: Pick<Link, 'compare'> & { run: ShownRun }): VNode {
  const [open, setOpen] = useState(false)
  const columns = compare.flatMap((layer) => [
    `Layer ${layer}: strongest feature`,
    `Layer ${layer}: it would say`,
  ])
  return html`<details onToggle=${(event: Event) => setOpen((event.target as HTMLDetailsElement).open)}>
    <summary>Token by token, over the whole text</summary>
    ${
      open &&
      dataTable({
        caption: `Layers ${compare.join(' and ')}, token by token`,
        columns: ['Token', ...columns],
        rows: run.tokens.slice(1).map((_, i) => ({
          head: tokenName(run, i + 1),
          cells: compare.flatMap((layer) => tokenCells(run, layer, i + 1)),
        })),
      })
    }
  </details>`
}

function tokenCells(run: ShownRun, layer: number, token: number) {
  const { features, lens } = run.layers[layer]
  const [first] = featuresAt(features, token)
  const [guess] = topAt(lens, token)
  return [
    {
      content: first === undefined ? 'none' : html`${first.index} <small>${showNumber(first.value)}</small>`,
    },
    { content: html`<code>${vocabularyName(run, guess.index)}</code>` },
  ]
}
