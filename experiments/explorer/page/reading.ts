import { html } from 'htm/preact'
import { h, type VNode } from 'preact'
import { Attention } from './attention.ts'
import { CardPanel } from './card-panel.ts'
import { Changes } from './changes.ts'
import { Compare } from './compare.ts'
import { FeatureColumns } from './feature-columns.ts'
import { Lens, NextToken } from './guesses.ts'
import type { Link } from './link.ts'
import type { ShownRun } from './text-run.ts'
import { Neurons } from './neurons.ts'
import { Share } from './share.ts'
import type { Dispatch, OpenCard } from './state.ts'
import { usePalette } from './palette.ts'

interface Props {
  readonly run: ShownRun
  /** The position that everything is shown for. */
  readonly token: number
  readonly link: Link
  readonly card: OpenCard | null
  readonly dispatch: Dispatch
}

/** What the model does with the text, from the first layer to the next token. */
export function Reading({ run, token, link, card, dispatch }: Props): VNode {
  const palette = usePalette()
  const { feature, edit, compare, head } = link
  const { edited } = run
  return html`<div class="results">
    ${h(FeatureColumns, { run, token, open: feature, dispatch })}
    ${
      feature === null
        ? edited !== null && h(Changes, { run, edited, token, dispatch })
        : h(CardPanel, { feature, open: card, edit, run: edited && run, token: edited && token, dispatch })
    }
    ${h(Attention, { run, token, head, palette, dispatch })} ${h(Neurons, { run, token })}
    ${h(Lens, { run, token })} ${h(NextToken, { run, token })}
    ${h(Compare, { run, token, compare, dispatch })} ${h(Share, { run, link })}
  </div>`
}
