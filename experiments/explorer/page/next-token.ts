import { html } from 'htm/preact'
import type { ComponentChildren, VNode } from 'preact'
import { probabilityBars } from './lens.ts'
import { topAt, type ShownRun } from './text-run.ts'
import { memo } from './memo.ts'
import { barList, section, showProbability, textToken } from './parts.ts'

/** The model's answer: how likely it holds each next token. */
export const NextToken = memo(({ run, token }: { run: ShownRun; token: number }): VNode => {
  const rows = topAt(run.next, token)
  const rest = 1 - rows.reduce((sum, { value }) => sum + value, 0)
  return section(
    {
      id: 'next',
      title: 'The next token',
      step: 'next',
      lead: [
        'After all layers: the likeliest tokens after ',
        textToken(run, token),
        ', and how likely the model holds them.',
        ...actual(run, token),
      ],
    },
    html`<div class="next">
      ${barList(probabilityBars(run, rows), 'The next token')}
      <p class="note">All other tokens together: ${showProbability(Math.max(0, rest))}.</p>
    </div>`,
  )
})

/** What stands there in truth, where the text goes on. */
function actual(run: ShownRun, token: number): ComponentChildren[] {
  if (token + 1 >= run.tokens.length) return []
  const follows = topAt(run.next, token).find(({ index }) => index === run.tokens[token + 1].id)
  const said =
    follows === undefined ? 'is not among them' : `is held ${showProbability(follows.value)} likely`
  return [' In the text follows ', textToken(run, token + 1), `, which ${said}.`]
}
