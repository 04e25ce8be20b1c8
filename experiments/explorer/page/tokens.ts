import type { VNode } from 'preact'
import { count } from '../../lab/report/numbers.ts'
import type { ShownRun } from './text-run.ts'
import { section, term } from './parts.ts'

/** What the tokens are; they themselves stand below it, where they stay in sight. */
export function tokens(run: ShownRun): VNode {
  return section(
    {
      id: 'tokens',
      title: 'Tokens: what the model reads',
      step: 'tokens',
      lead: [
        `The model does not read letters but ${count(run.tokens.length - 1, 'token')}: `,
        term('tokens'),
        ' are words and pieces of words, each of which has a number. Before them stands BOS, which only says that a text begins ' +
          'and is left out of every count. Choose a token below, by click or arrow keys: everything after is about that token, ' +
          'and what the model made of it without knowing what follows.',
      ],
    },
    null,
  )
}
