import { html } from 'htm/preact'
import type { VNode } from 'preact'
import { topAt, type ShownRun } from './text-run.ts'
import { memo } from './memo.ts'
import {
  barList,
  layerColumns,
  section,
  showProbability,
  textToken,
  vocabularyName,
  type Bar,
  term,
} from './parts.ts'

const SHOWN = 5

/** What the model would say after each layer, if it stopped there. */
export const Lens = memo(({ run, token }: { run: ShownRun; token: number }): VNode => {
  return section(
    {
      id: 'lens',
      title: 'Logit lens: a guess after every layer',
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
    layerColumns(run, 'Logit lens, layer by layer', (layer) => {
      const rows = topAt(run.layers[layer].lens, token).slice(0, SHOWN)
      return barList(probabilityBars(run, rows), `Guesses after layer ${layer}`)
    }),
  )
})

/** Tokens of the vocabulary with their probabilities, on a scale up to 1. */
export function probabilityBars(run: ShownRun, rows: readonly { index: number; value: number }[]): Bar[] {
  return rows.map(({ index, value }) => ({
    label: html`<code>${vocabularyName(run, index)}</code>`,
    shown: showProbability(value),
    share: value,
  }))
}
