// Each layer’s most active MLP neurons.
import { html } from '../../lab/report/html.ts'
import { h, type VNode } from 'preact'
import { showNumber } from '../../lab/report/numbers.ts'
import type { Change, NeuronRef } from '../../lab/models/changes.ts'
import { sameThing } from './change-words.ts'
import { NeuronPanel } from './neuron-card.ts'
import type { Dispatch } from './state.ts'
import { topAt, type ShownRun } from './text-run.ts'
import { barList, layerColumns, section, textToken, term } from './parts.ts'

const SHOWN = 6

export function neurons(
  run: ShownRun,
  token: number,
  open: NeuronRef | null,
  edit: readonly Change[],
  dispatch: Dispatch,
): VNode {
  const { dMlp } = run.opened.config
  return section(
    {
      id: 'mlp',
      title: 'What does a token work out by itself?',
      step: 'mlp',
      open: open !== null,
      lead: [
        `After attention, each token goes through the layer’s MLP alone: ${dMlp} `,
        term('neurons'),
        ', each of which looks for one direction in the stream and, where it finds it, adds another. These are the most active ' +
          'ones on ',
        textToken(run, token),
        ', as GELU, their activation function, leaves them. Click one for its card.',
      ],
    },
    [
      layerColumns(run, 'Neurons, layer by layer', (layer) => {
        const rows = topAt(run.layers[layer].neurons, token).slice(0, SHOWN)
        const max = rows[0].value
        const bars = rows.map(({ index, value }) => {
          const isOff = edit.some((change) => sameThing(change, { kind: 'neuron', layer, neuron: index }))
          const label = html`<span
            ><span class="sr">Layer ${layer}, neuron </span>${index}${isOff && ' (off)'}</span
          >`
          const isOpen = open?.layer === layer && open.neuron === index
          const button = {
            'data-layer': layer,
            'data-neuron': index,
            'aria-pressed': isOpen,
            onClick: () =>
              dispatch({ type: 'choose', choice: { neuron: isOpen ? null : { layer, neuron: index } } }),
          }
          return { label, shown: showNumber(value), share: value / max, key: index, button }
        })
        return barList(bars, `Neurons of layer ${layer}`)
      }),
      h(NeuronPanel, null),
    ],
  )
}
