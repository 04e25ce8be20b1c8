import { html } from 'htm/preact'
import type { VNode } from 'preact'
import { count, showNumber } from './numbers.ts'
import { firingText, tokenText, type Firing, type TokenText } from './tokens.ts'

/** A text in which a feature fires: its number, the feature's mean over its tokens, and the tokens. */
export type FiringText = readonly [text: number, mean: number, firing: Firing]

/** An SAE feature and all it does in a set of texts. */
export interface Feature {
  layer: number | null
  feature: number
  /** Why it is shown, e.g. `peak of Python`. */
  roles: readonly string[]
  /** Texts in which it fires, in the order to show them in. */
  texts: readonly FiringText[]
}

/** The address of a feature's card within the page; unique to layer and feature. */
export function featureId({ layer, feature }: Pick<Feature, 'layer' | 'feature'>): string {
  return `L${layer ?? ''}-${feature}`
}

/** The feature's highest activation on any token; 0 if it fires nowhere. */
export function featureMax(feature: Feature): number {
  let max = 0
  for (const [, , firing] of feature.texts)
    for (let i = 1; i < firing.length; i += 2) max = Math.max(max, firing[i])
  return max
}

/**
 * A feature's card: what it is, and the texts that make it fire with their tokens marked. The first `shown` texts are in
 * the page itself; where the page carries `showAllTexts` and the rest as data, a button brings them.
 */
export function featureCard(feature: Feature, texts: readonly TokenText[], shown: number): VNode {
  const id = featureId(feature)
  const max = featureMax(feature)
  const firing = feature.texts.length
  const rest = firing - Math.min(firing, shown)
  const highestMean = feature.texts.reduce((highest, [, mean]) => Math.max(highest, mean), 0)
  return html`<article class="card" id=${id} aria-labelledby="${id}-name">
    <h4 id="${id}-name">
      <span class="layer">Layer ${feature.layer ?? '?'}</span> feature ${String(feature.feature)}
    </h4>
    <ul class="roles" aria-label="Roles">
      ${feature.roles.map((role) => html`<li>${role}</li>`)}
    </ul>
    <p class="facts">
      Fires in ${count(firing, 'text')}, silent in ${texts.length - firing}. Highest on one token:${' '}
      ${showNumber(max)}, on average over one text: ${showNumber(highestMean)}.
    </p>
    ${firingList(feature.texts.slice(0, shown), texts, max)}
    ${
      rest > 0 &&
      html`<p class="rest">
        <span>${count(rest, 'weaker text')} not shown.</span>
        <button type="button" hidden data-feature=${id} data-max=${max} aria-expanded="false">
          Show all ${firing}<span class="sr"> texts of feature ${feature.feature}</span>
        </button>
      </p>`
    }
  </article>`
}

/** Texts with their tokens marked on a scale up to `max`, the feature's highest activation. */
export function firingList(firing: readonly FiringText[], texts: readonly TokenText[], max: number): VNode {
  return html`<ol class="texts">
    ${firing.map(([index, mean, tokens]) => {
      const { category, note, runs } = firingText(texts[index], index, mean, tokens, max)
      return html`<li>
        <p class="note"><b>${category}</b> ${note}</p>
        ${tokenText(runs)}
      </li>`
    })}
  </ol>`
}
