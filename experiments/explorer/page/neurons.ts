import type { VNode } from 'preact'
import { showNumber } from '../../lab/report/numbers.ts'
import { topAt, type Look } from './look.ts'
import { memo } from './memo.ts'
import { barList, layerColumns, section, textToken, term } from './parts.ts'

const SHOWN = 6

/** Each layer's most active MLP neurons. */
export const Neurons = memo(({ look, token }: { look: Look; token: number }): VNode => {
  const { dMlp } = look.opened
  return section(
    {
      id: 'mlp',
      title: 'MLP: what each token works out by itself',
      step: 'mlp',
      lead: [
        `After attention, each token goes through the layer’s MLP alone: ${dMlp} `,
        term('neurons'),
        ', each of which looks for one direction in the stream and, where it finds it, adds another. These are the most active ' +
          'ones on ',
        textToken(look, token),
        ', as GELU, their activation function, leaves them.',
      ],
    },
    layerColumns(look, 'Neurons, layer by layer', (layer) => {
      const rows = topAt(look.layers[layer].neurons, token).slice(0, SHOWN)
      const max = rows[0].value
      const bars = rows.map(({ index, value }) => {
        return { label: index, shown: showNumber(value), share: value / max }
      })
      return barList(bars, `Neurons of layer ${layer}`)
    }),
  )
})
