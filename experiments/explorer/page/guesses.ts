// What the model would say after each layer, and what it says after the last.
import { html } from '../../lab/report/html.ts'
import { h, type ComponentChildren, type VNode } from 'preact'
import { LensGrid } from './lens-grid.ts'
import {
  barList,
  layerColumns,
  section,
  showProbability,
  term,
  textToken,
  vocabularyName,
  type Bar,
} from './parts.ts'
import type { Dispatch } from './state.ts'
import { topAt, type Entry, type ShownRun } from './text-run.ts'

const SHOWN = 5

/** What the model would say after each layer, if it stopped there. */
export function lens(run: ShownRun, token: number, dispatch: Dispatch): VNode {
  return section(
    {
      id: 'lens',
      title: 'What would it say if it stopped after a layer?',
      step: 'lens',
      lead: [
        'What would the model say after ',
        textToken(run, token),
        ' if it stopped after this layer? The ',
        term('logit lens'),
        ' reads the stream there as the model reads it at the end. Early guesses are rough: they are not what those layers ' +
          'are for. The last one is the model’s answer.',
      ],
    },
    [
      layerColumns(run, 'Logit lens, layer by layer', (layer) => {
        const rows = topAt(run.layers[layer].lens, token).slice(0, SHOWN)
        return barList(probabilityBars(run, rows), `Guesses after layer ${layer}`)
      }),
      h(LensGrid, { run, token, dispatch }),
    ],
  )
}

/** The model's answer: how likely each next token is according to it. */
export function nextToken(run: ShownRun, token: number): VNode {
  const rows = topAt(run.next, token)
  const rest = 1 - rows.reduce((sum, { value }) => sum + value, 0)
  return section(
    {
      id: 'next',
      title: 'What does it say comes next?',
      step: 'next',
      open: true,
      lead: [
        'After all layers: the likeliest tokens after ',
        textToken(run, token),
        ', and how likely each is according to the model.',
        ...actual(run, token, rows),
      ],
    },
    html`<div class="next">
      ${barList(probabilityBars(run, rows), 'The next token')}
      <p class="note">All other tokens together: ${showProbability(Math.max(0, rest))}.</p>
    </div>`,
  )
}

/** The token that actually follows, if the text goes on. */
function actual(run: ShownRun, token: number, guesses: readonly Entry[]): ComponentChildren[] {
  if (token + 1 >= run.tokens.length) return []
  const follows = guesses.find(({ index }) => index === run.tokens[token + 1].id)
  const said =
    follows === undefined ? 'is not among them' : `has a probability of ${showProbability(follows.value)}`
  return [' The text continues with ', textToken(run, token + 1), `, which ${said}.`]
}

/** Tokens of the vocabulary with their probabilities, on a scale up to 1. */
export function probabilityBars(run: ShownRun, guesses: readonly Entry[]): Bar[] {
  return guesses.map(({ index, value }) => ({
    label: html`<code>${vocabularyName(run, index)}</code>`,
    shown: showProbability(value),
    share: value,
  }))
}
