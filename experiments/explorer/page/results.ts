// What the model does with the text, from the first layer to the next token.
import { html } from 'htm/preact'
import { h, type VNode } from 'preact'
import { Attention } from './attention.ts'
import { CardPanel } from './card-panel.ts'
import { Changes } from './changes.ts'
import { Compare } from './compare.ts'
import { FeatureColumns } from './feature-columns.ts'
import { Lens, NextToken } from './guesses.ts'
import type { Link } from './link.ts'
import { memo } from './memo.ts'
import { Neurons } from './neurons.ts'
import { usePalette } from './palette.ts'
import type { Dispatch, OpenCard } from './state.ts'
import type { ShownRun } from './text-run.ts'

interface Props extends Pick<Link, 'feature' | 'edit' | 'compare' | 'head'> {
  readonly run: ShownRun
  /** The position that everything is shown for. */
  readonly token: number
  readonly card: OpenCard | null
  readonly dispatch: Dispatch
}

/** Drawn anew for another run, token or choice; not while a text is typed, nor for a hovered feature. */
export const Results = memo(({ run, token, feature, edit, compare, head, card, dispatch }: Props): VNode => {
  const palette = usePalette()
  const { edited } = run
  return html`
    ${h(FeatureColumns, { run, token, open: feature, dispatch })}
    ${
      feature === null
        ? edited !== null && h(Changes, { run, edited, token, dispatch })
        : h(CardPanel, { feature, open: card, edit, run, token, dispatch })
    }
    ${h(Attention, { run, token, head, palette, dispatch })} ${h(Neurons, { run, token })}
    ${h(Lens, { run, token })} ${h(NextToken, { run, token })}
    ${h(Compare, { run, token, compare, dispatch })}
  `
})
