// What the model does with the text: its answer, how it came about, layer by layer, and then what else may be asked.
import { html } from '../../lab/report/html.ts'
import { h, type VNode } from 'preact'
import { attention } from './attention.ts'
import { CardPanel } from './card-panel.ts'
import { changes } from './changes.ts'
import { comparison } from './compare.ts'
import { featureColumns } from './feature-columns.ts'
import { lens, nextToken } from './guesses.ts'
import type { Link } from './link.ts'
import { memo } from './memo.ts'
import { neurons } from './neurons.ts'
import { usePalette } from './palette.ts'
import type { Dispatch, OpenCard, State } from './state.ts'
import type { ShownRun } from './text-run.ts'
import { TwoTexts } from './two-texts.ts'
import { WhySection } from './why.ts'
import { WritingSection } from './writing.ts'

interface Props extends Pick<Link, 'feature' | 'neuron' | 'edit' | 'compare' | 'head'> {
  readonly run: ShownRun
  /** The position that everything is shown for. */
  readonly token: number
  readonly card: OpenCard | null
  readonly progress: State['progress']
  readonly dispatch: Dispatch
}

/** Drawn again for another run, token or choice; not while a text is typed, nor for a hovered feature. */
export const Results = memo(
  ({ run, token, feature, neuron, edit, compare, head, card, progress, dispatch }: Props): VNode => {
    const palette = usePalette()
    const { edited } = run
    return html`
      ${nextToken(run, token)} ${h(WhySection, null)} ${featureColumns(run, token, feature, dispatch)}
      ${
        feature === null
          ? edited !== null && changes(run, edited, token, dispatch)
          : h(CardPanel, { feature, open: card, progress, edit, run, token, dispatch })
      }
      ${attention({ run, token, head, palette, edit, dispatch })}
      ${neurons(run, token, neuron, edit, dispatch)} ${lens(run, token, dispatch)} ${h(WritingSection, null)}
      ${h(TwoTexts, null)} ${comparison(run, token, compare, dispatch)}
    `
  },
)
