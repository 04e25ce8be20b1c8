// What the residual stream carries into each layer, as features.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { count, showNumber } from '../../lab/report/numbers.ts'
import type { FeatureRef } from '../../lab/models/changes.ts'
import { featuresAt, strongest, type ShownRun } from './text-run.ts'
import { barList, featureName, layerColumns, noSae, section, term, textToken, type Bar } from './parts.ts'
import type { Dispatch } from './state.ts'

/** How many are listed per layer. */
const SHOWN = 8

/** What the residual stream carries into each layer, as features: one column per layer. */
export function featureColumns(
  run: ShownRun,
  token: number,
  open: FeatureRef | null,
  dispatch: Dispatch,
): VNode {
  const { dModel } = run.opened.config
  return section(
    {
      id: 'features',
      title: 'What does a token carry into each layer?',
      step: 'features',
      open: true,
      lead: [
        `Between layers, a token is a list of ${dModel} numbers that each layer reads and adds to: the `,
        term('residual stream'),
        '. A ',
        term('sparse autoencoder'),
        ' (SAE) takes it apart into ',
        term('features'),
        ', of which few fire at once. Here are those that fire on ',
        textToken(run, token),
        ' as each layer begins, strongest first. Hover over one to see its tokens marked above; click it to learn what it ' +
          'stands for.',
      ],
    },
    [
      layerColumns(run, 'Features, layer by layer', (layer) => column(layer, run, token, open, dispatch)),
      html`<p class="note">
        Bars are on each layer’s own scale, up to its strongest activation in this text. The token beside a
        number is the one that the feature fires on most in the 140 bundled texts: a hint, not its meaning.
        Each layer has its own SAE: features of the same number in two layers have nothing in common.
      </p>`,
    ],
  )
}

function column(
  layer: number,
  run: ShownRun,
  token: number,
  open: FeatureRef | null,
  dispatch: Dispatch,
): VNode[] {
  const { features } = run.layers[layer]
  const { dSae, hook } = run.opened.saes[layer]
  if (dSae === 0) return [noSae]
  const firing = featuresAt(features, token)
  const max = strongest(features)
  const rows = firing.slice(0, SHOWN).map(({ index, value }): Bar => {
    const feature: FeatureRef = { layer, feature: index }
    const isOpen = open?.layer === layer && open.feature === index
    const hover = (hovered: FeatureRef | null) => () =>
      dispatch({ type: 'hover', hover: { feature: hovered } })
    const button = {
      'data-layer': layer,
      'data-feature': index,
      'data-value': value,
      'aria-pressed': isOpen,
      onMouseEnter: hover(feature),
      onMouseLeave: hover(null),
      onFocus: hover(feature),
      onBlur: hover(null),
      onClick: () => dispatch({ type: 'choose', choice: { feature: isOpen ? null : feature } }),
    }
    const label = featureName(run.opened, layer, index)
    return { label, shown: showNumber(value), share: value / max, key: index, button }
  })
  return [
    html`<p class="note">
      ${firing.length === 0 ? 'None fires.' : `${count(firing.length, 'feature')} of ${dSae}`}
      ${hook.endsWith('hook_resid_pre') ? '' : ` (${hook})`}
    </p>`,
    barList(rows, `Features of layer ${layer}`),
  ]
}
