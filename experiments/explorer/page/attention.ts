// Attention: every head of every layer as a small picture, and one as a large one.
import { html } from '../../lab/report/html.ts'
import { h, type VNode } from 'preact'
import { HeatCanvas, rowStyle } from './heat-canvas.ts'
import { HeadDetail, type HeadProps } from './head-detail.ts'
import { topKeys } from './text-run.ts'
import { layerColumns, section, showProbability, term, tokenName } from './parts.ts'

/** Every head's attention pattern, small, and one of them large. */
export function attention(props: HeadProps): VNode {
  const { run } = props
  return section(
    {
      id: 'attention',
      title: 'Which tokens look at which?',
      step: 'attention',
      lead: [
        `In each layer, ${run.opened.config.nHeads} `,
        term('heads'),
        ' let a token fetch something from the tokens before it. Each square is one head: a row is a token that looks, a ' +
          'column one that is looked at, and the stronger its colour, the more attention it gets. A head that finds nothing looks at the left ' +
          'edge, at BOS. The line is the token you chose; click a head to see it large.',
      ],
    },
    [
      layerColumns(run, 'Attention patterns, layer by layer', (layer) => {
        const heads = Array.from({ length: run.opened.config.nHeads }, (_, head) =>
          headButton(props, layer, head),
        )
        return html`<div class="heads">${heads}</div>`
      }),
      h(HeadDetail, props),
    ],
  )
}

function headButton(
  { run, token, head: shown, palette, dispatch }: HeadProps,
  layer: number,
  head: number,
): VNode {
  const size = run.tokens.length
  const [most] = topKeys(run, layer, head, token, 1)
  const name = `Layer ${layer}, head ${head}: ${tokenName(run, token)} looks most at ${tokenName(run, most.index)}, ${showProbability(most.value)}`
  return html`<button
    type="button"
    class="head"
    aria-label=${name}
    title=${name}
    aria-pressed=${shown.layer === layer && shown.head === head}
    onClick=${() => dispatch({ type: 'choose', choice: { head: { layer, head } } })}
  >
    ${h(HeatCanvas, { attention: run.layers[layer].attention, head, size, palette })}
    <i class="row-mark" style=${rowStyle(token, size)}></i>
  </button>`
}
