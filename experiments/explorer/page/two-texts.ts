// Two texts beside each other: what differs between them inside the model, and which differences matter.
import { html } from '../../lab/report/html.ts'
import { createContext, h, type ComponentChildren, type VNode } from 'preact'
import { useContext } from 'preact/hooks'
import { align, matched, type Column } from '../align.ts'
import { LONGEST_TEXT, type Link } from './link.ts'
import type { Beside, PairState, ShownPair } from './pair-state.ts'
import { memo } from './memo.ts'
import { PatchGrid } from './patch-grid.ts'
import { section, textToken, thenFocus, tokenName, valueOf } from './parts.ts'
import type { Dispatch } from './state.ts'
import type { ShownRun } from './text-run.ts'
import { chipText } from './token-strip.ts'
import { AttentionApart, FeaturesApart, LogitsApart } from './two-differences.ts'

interface Table extends PairState, Pick<Link, 'text' | 'other' | 'patch' | 'head' | 'feature'> {
  /** The position in the page's text that everything is shown for. */
  readonly token: number
  readonly dispatch: Dispatch
}

/** In addition to what the other sections are drawn from: answers about the pair redraw only this section. */
export const PairContext = createContext<Table | null>(null)

/** Two texts that differ by one word: a good start. */
const PAIR = { text: 'import numpy as', other: 'import pandas as' }

export function TwoTexts(): VNode | null {
  const table = useContext(PairContext)
  if (table === null) return null
  const { other, pair, token, head, feature, patch, patching, dispatch } = table
  return section(
    {
      id: 'two',
      title: 'What differs when it reads another text?',
      step: 'patch',
      lead:
        'Put a second text beside yours, ideally one that differs by a word. Tokens that are the same are aligned. ' +
        'Below them is what the model does with one text and not with the other, without your changes to the model.',
    },
    [
      asking(table),
      pair?.failure &&
        html`<p class="notice" role="alert">${`${pair.failure.message} ${pair.failure.advice}`}</p>`,
      other !== '' &&
        pair?.failure === null &&
        (pair.own === null ? waiting : h(Found, { pair, token, head, feature, patch, patching, dispatch })),
    ],
  )
}

const waiting = html`<p class="note" role="status">Reading the other text …</p>`

function asking({ text, other, dispatch }: Table): VNode {
  const write =
    (choice: Partial<Link>, passing = false) =>
    (): void =>
      dispatch({ type: 'choose', choice, passing })
  return html`<div class="other-text">
    <label for="other">The other text</label>
    <textarea
      id="other"
      rows="2"
      maxlength=${LONGEST_TEXT}
      dir="auto"
      spellcheck=${false}
      value=${other}
      onInput=${(event: Event) => write({ other: valueOf(event) }, true)()}
    ></textarea>
    <p class="examples">
      ${other !== text && html`<button type="button" onClick=${write({ other: text })}>Copy your text, to change a word</button>`}
      <button type="button" onClick=${write({ ...PAIR, token: null })}>Two imports</button>
      ${other !== '' && html`<button type="button" onClick=${thenFocus(write({ other: '', patch: null }), '#other')}>Take it away</button>`}
    </p>
  </div>`
}

type Read = Extract<ShownPair, { own: ShownRun }>

interface Props extends Omit<Table, 'text' | 'other' | 'pair'> {
  readonly pair: Read
}

/** Not drawn again while a text is typed, nor for a hovered feature. */
const Found = memo((props: Props): VNode => {
  const { pair, dispatch, feature, head, patch, patching } = props
  const { own, run } = pair
  const columns = align(
    own.tokens.map(({ id }) => id),
    run.tokens.map(({ id }) => id),
  )
  const token = Math.min(props.token, own.tokens.length - 1)
  const at = columns.find(({ text }) => text === token)!
  const beside: Beside = { own, run, columns, at }
  const logits = pair.logits[matched(columns).findIndex(({ text }) => text === token)]
  return html`${aligned(beside, dispatch)}
    <p class="note">${where(beside)}</p>
    ${h(FeaturesApart, { beside, open: feature, dispatch })}
    ${
      at.other !== null && [
        h(AttentionApart, { beside, head, dispatch }),
        h(LogitsApart, { logits, names: pair.names, beside }),
      ]
    }
    ${
      columns.every(({ same }) => same)
        ? html`<p class="note">
            Both texts have the same tokens: nothing differs, and nothing can be put from one into the other.
          </p>`
        : h(PatchGrid, { pair, patch, patching, dispatch })
    }`
})

/** Both texts as a table, with one column for each pair of tokens. */
function aligned({ own, run, columns, at }: Beside, dispatch: Dispatch): VNode {
  const cell = (of: ShownRun, position: number | null, column: Column): VNode => {
    if (position === null) return html`<td class="gap"><span class="sr">nothing</span></td>`
    const name = position === 0 ? 'BOS' : chipText(of.tokens[position].shown)
    const classes = [!column.same && 'differs', column === at && 'here'].filter(Boolean).join(' ')
    const choose = (): void => dispatch({ type: 'choose', choice: { token: column.text } })
    const chip =
      column.text === null
        ? name
        : html`<button type="button" class="plain" aria-pressed=${column === at} onClick=${choose}>
            ${name}
          </button>`
    return html`<td class=${classes}>${of === own ? chip : name}</td>`
  }
  return html`<div class="scroll" role="region" aria-label="Both texts, token below token" tabindex="0">
    <table class="aligned">
      <tbody>
        <tr>
          <th scope="row">Yours</th>
          ${columns.map((column) => cell(own, column.text, column))}
        </tr>
        <tr>
          <th scope="row">The other</th>
          ${columns.map((column) => cell(run, column.other, column))}
        </tr>
      </tbody>
    </table>
  </div>`
}

function where({ own, run, columns, at }: Beside): ComponentChildren {
  const differ = columns.filter(({ same }) => !same).length
  const told = `${differ} of ${columns.length} places differ. `
  if (at.text === null) return told
  if (at.other === null)
    return [
      told,
      'Nothing in the other text corresponds to your ',
      textToken(own, at.text),
      ': choose another token above.',
    ]
  return [
    `${told}Below: your ${tokenName(own, at.text)}, position ${at.text}, beside ${tokenName(run, at.other)}, position ${at.other}`,
    at.text === at.other ? '.' : '. A difference in position has effects of its own.',
  ]
}
