// What a feature's direction says to the next token; and lists under names.
import type { VNode } from 'preact'
import type { TokenEffect } from '../analysis/features/feature-dashboard.ts'
import { html } from './html.ts'
import { levelOf, showNumber } from './numbers.ts'
import { levelClass } from './tables.ts'
import { showToken } from './tokens.ts'

type Effect = Pick<TokenEffect, 'token' | 'logit'>

/** What its direction promotes and suppresses. */
export function lensPart({
  promoted,
  suppressed,
}: Record<'promoted' | 'suppressed', readonly Effect[]>): VNode {
  const max = Math.max(...[...promoted, ...suppressed].map(({ logit }) => Math.abs(logit)))
  const chips = (tokens: readonly Effect[]): VNode[] =>
    tokens.map(
      ({ token, logit }) =>
        html`<li>
          <bdi class=${levelClass(levelOf(logit, max))}>${showToken(token)}</bdi> ${showNumber(logit)}
        </li>`,
    )
  return facets([
    ['Promotes', chips(promoted)],
    ['Suppresses', chips(suppressed)],
  ])
}

/** Lists under their names. */
export function facets(parts: readonly (readonly [name: string, items: readonly VNode[]])[]): VNode {
  return html`<dl class="facets">
    ${parts.map(
      ([name, items]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>
            <ul>
              ${items}
            </ul>
          </dd>
        </div>`,
    )}
  </dl>`
}
