// What there is to say of a feature: the parts of its card, and of its own page.
import { html } from './html.ts'
import type { VNode } from 'preact'
import { LEAST_TOGETHER } from '../analysis/features/correlate.ts'
import type { ExplainedFeature } from '../analysis/features/explain.ts'
import type { FeatureDashboard } from '../analysis/features/feature-dashboard.ts'
import { histogram } from './charts.ts'
import type { InCorpus } from './corpus-part.ts'
import { facets } from './lens-part.ts'
import { count, showCorrelation, showNumber, showShare } from './numbers.ts'
import {
  excerpt,
  firingTokens,
  markedRuns,
  namedFeature,
  tokenRuns,
  visible,
  type Firing,
  type TokenText,
} from './tokens.ts'

/** A text in which a feature fires: its number, the feature's mean over its tokens, and the tokens. */
export type FiringText = readonly [text: number, mean: number, firing: Firing]

/** An SAE feature and all it does in a set of texts. */
export interface Feature {
  /** Why it is shown, e.g. `peak of Python`. */
  readonly roles: readonly string[]
  /** Every text in which it fires, in the order to show them in. */
  readonly texts: readonly FiringText[]
  readonly dashboard: FeatureDashboard
  /** What a corpus says of it, where one was named that has it. */
  readonly inCorpus?: InCorpus
}

/**
 * A feature with the tokens at which it fires in some texts. firing: the texts, in the order to show them in, each with
 * the feature's mean over its tokens
 * @throws naming layer, feature and text if it fires at none of a text's tokens
 */
export function featureIn(
  { dashboard, column }: ExplainedFeature,
  firing: readonly (readonly [text: number, mean: number])[],
  texts: readonly TokenText[],
  roles: readonly string[] = [],
  inCorpus?: InCorpus,
): Feature {
  const { layer, feature } = dashboard
  const found = firing.map(([text, mean]): FiringText => {
    const tokens = firingTokens(texts[text].pieces, column[text])
    if (tokens.length === 0)
      throw new Error(
        `report: layer ${layer}, feature ${feature} has mean ${mean} in text ${text}, but fires at none of its tokens`,
      )
    return [text, mean, tokens]
  })
  return { roles, texts: found, dashboard, inCorpus }
}

/** What a feature's numbers of the logit lens are made of. */
export const LENS_NOTE =
  'Promoted and suppressed tokens show what the feature’s decoder row adds to the logits of the next token, through the final ' +
  'LayerNorm and the unembedding alone. Its mean is subtracted; it is multiplied by ln_f.weight, then by lm_head (wte, unless ' +
  'the model has another); and the mean over the vocabulary is subtracted. LayerNorm’s division by the stream’s size, which ' +
  'differs from token to token, its bias, and the layers in between are left out. So the order of the tokens means something, ' +
  'but their numbers can be compared only with each other.'

/** What makes a feature a relative. */
export const RELATIVES_NOTE =
  'Cosines are between decoder rows. Correlations are Pearson’s, over the activations at every token but BOS; features ' +
  `that fire together with it on fewer than ${LEAST_TOGETHER} tokens are left out. Each layer’s SAE was trained separately: ` +
  'features of the same number in two layers have nothing to do with each other.'

/** How often it fires how strongly; null where it does not. */
export function histogramPart(document: Document, dashboard: FeatureDashboard): VNode | null {
  const { histogram: bins, firing_tokens: firing, tokens, max, mean_where_it_fires: mean } = dashboard
  if (max === null) return null
  const chart = histogram(document, bins, {
    title: `How strongly feature ${dashboard.feature} fires, where it does`,
    description: `${count(firing, 'activation')} from 0 to ${showNumber(max)}, mean ${showNumber(mean)}`,
  })
  return html`<div class="histogram">
    ${chart}
    <p class="facts">
      ${`Number of tokens by activation. It is silent on ${showShare(1 - firing / tokens)} of the ${tokens} tokens; where it fires, its mean is ${showNumber(mean)}.`}
    </p>
  </div>`
}

/** Tokens shown at either side of the strongest. */
const AROUND = 8

/** A text near each quarter of the maximum, around its strongest token: strong activations alone would flatter the feature. */
export function strongToWeak(
  { dashboard, texts: firing }: Feature,
  texts: readonly TokenText[],
): VNode | null {
  const { quantile_examples: examples, firing_texts, max } = dashboard
  if (max === null) return null
  const item = ({ share, text, max: own }: FeatureDashboard['quantile_examples'][number]): VNode => {
    const { position } = firing_texts.find((one) => one.text === text)!
    const [, , tokens] = firing.find(([index]) => index === text)!
    const cut = excerpt(texts[text].pieces, tokens, position, AROUND)
    const runs = tokenRuns(cut.pieces, cut.firing, max)
    return html`<li>
      <p class="note">
        near ${100 * share} %: ${showNumber(own)} · <b>${visible(texts[text].category)}</b> · text ${text + 1}
      </p>
      <p class="tokens" dir="auto">${cut.before && '…'}${markedRuns(runs)}${cut.after && '…'}</p>
    </li>`
  }
  return html`<ol class="texts">
    ${examples.map(item)}
  </ol>`
}

/** The nearest features of its layer, and those of the next that go with it; `name` shows a feature's number. */
export function relativesPart(
  { layer, nearest, next_layer: next, ...dashboard }: FeatureDashboard,
  name: (feature: number, layer: number, token: string | null) => VNode | string = (feature, _, token) =>
    namedFeature(feature, token),
): VNode {
  const near = nearest.map(
    ({ feature, cosine, token }) =>
      html`<li>${name(feature, layer, token)} <small>${showCorrelation(cosine)}</small></li>`,
  )
  const along = next?.features.map(
    ({ feature, correlation, together, token }) =>
      html`<li>
        ${name(feature, next.layer, token)}${' '}
        <small>${showCorrelation(correlation)}, on ${count(together, 'token')}</small>
      </li>`,
  )
  const none = dashboard.firing_tokens === 0 ? 'it does not fire here' : 'none on enough tokens'
  return facets([
    [`Nearest in layer ${layer}, by cosine`, near],
    ...(next && along
      ? [
          [
            `Fire with it in layer ${next.layer}, by correlation`,
            along.length > 0 ? along : [html`<li>${none}</li>`],
          ] as const,
        ]
      : []),
  ])
}
