// The tokens: what they are, and the strip in which one is chosen.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { count, levelOf, showNumber } from '../../lab/report/numbers.ts'
import { levelClass } from '../../lab/report/tables.ts'
import { showToken, visible } from '../../lab/report/tokens.ts'
import type { Change, FeatureRef } from '../../lab/models/changes.ts'
import { changeName } from './change-words.ts'
import { activations, type ShownRun } from './text-run.ts'
import { memo } from './memo.ts'
import { section, term, thenFocus, tokenName } from './parts.ts'
import type { Dispatch } from './state.ts'

/** What tokens are; the text's own stand below it, where they stay in sight. */
export function tokens(run: ShownRun): VNode {
  return section(
    {
      id: 'tokens',
      title: 'Which pieces does it read?',
      step: 'tokens',
      open: true,
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

interface Props {
  readonly run: ShownRun
  /** The token that was chosen, and the one that everything is shown for: a hovered one takes precedence. */
  readonly chosen: number
  readonly shown: number
  /** The feature whose tokens are marked. */
  readonly marked: FeatureRef | null
  readonly edit: readonly Change[]
  readonly dispatch: Dispatch
}

/** The tokens in a row that stays on the screen: one list box, in which the arrow keys choose. */
export const TokenStrip = memo((props: Props): VNode => {
  const { run, chosen, shown, marked, edit, dispatch } = props
  const marks = marked && activations(run.layers[marked.layer].features, marked.feature)
  const list = useRef<HTMLDivElement>(null)
  // After the frame: asking where a chip is would make the browser lay out the whole page again.
  useEffect(() => {
    const option = list.current?.children[chosen]
    if (option instanceof HTMLElement) scrollWithin(option)
  }, [chosen])
  const choose = (token: number): void => dispatch({ type: 'choose', choice: { token } })
  const hover = (token: number | null): void => dispatch({ type: 'hover', hover: { token } })
  const key = (event: KeyboardEvent): void => {
    const to = keyTarget(event.key, chosen, run.tokens.length)
    if (to === undefined) return
    event.preventDefault()
    dispatch({ type: 'choose', choice: { token: to }, passing: true })
  }
  return html`<div class="strip">
    <div
      ref=${list}
      class="chips"
      role="listbox"
      aria-label="Tokens"
      aria-orientation="horizontal"
      aria-activedescendant="token-${chosen}"
      tabindex="0"
      onKeyDown=${key}
      onMouseLeave=${() => hover(null)}
    >
      ${run.tokens.map((_, token) => chip(props, token, marks, choose, hover))}
    </div>
    <p class="note reading">
      ${reading(run, shown, marked, marks)} ${edit.length > 0 && undo(edit, dispatch)}
    </p>
  </div>`
})

function chip(
  { run, chosen, shown }: Props,
  token: number,
  marks: Float32Array | null,
  choose: (token: number) => void,
  hover: (token: number) => void,
): VNode {
  const level = marks === null ? 0 : levelOf(marks[token], maximum(marks))
  const classes = [levelClass(level), token === 0 && 'bos', token === shown && 'shown'].filter(Boolean)
  return html`<span
    id="token-${token}"
    role="option"
    class=${classes.join(' ')}
    aria-selected=${token === chosen}
    aria-label=${tokenName(run, token)}
    title="${fullName(run, token)}, number ${run.tokens[token].id}, position ${token}"
    data-token=${token}
    onClick=${() => choose(token)}
    onMouseEnter=${() => hover(token)}
    >${token === 0 ? 'BOS' : chipText(run.tokens[token].shown)}</span
  >`
}

/** A chip's text: on one line, and never empty. */
export function chipText(token: string): string {
  const shown = visible(token).replaceAll('\n', '').replaceAll('\t', '')
  return /^ *$/.test(shown) ? '·'.repeat(Math.max(1, shown.length)) : shown
}

/** The token that a key press moves to, of `length`; undefined if it moves nowhere. */
export function keyTarget(key: string, token: number, length: number): number | undefined {
  const [back, on, last] = [Math.max(0, token - 1), Math.min(length - 1, token + 1), length - 1]
  const targets = { ArrowLeft: back, ArrowUp: back, ArrowRight: on, ArrowDown: on, Home: 0, End: last }
  return Object.hasOwn(targets, key) ? targets[key as keyof typeof targets] : undefined
}

function reading(
  run: ShownRun,
  shown: number,
  marked: FeatureRef | null,
  marks: Float32Array | null,
): string {
  const at = `At ${fullName(run, shown)}, ${shown} of ${run.tokens.length - 1}.`
  if (marked === null || marks === null) return at
  const fires = marks.reduce((sum, value, token) => sum + Number(token > 0 && value > 0), 0)
  return `${at} Marked: where feature ${marked.feature} of layer ${marked.layer} fires (${fires}); here ${showNumber(marks[shown])}.`
}

/** A token's name; for the last bytes of a character, also the character. */
function fullName(run: ShownRun, position: number): string {
  const { piece, shown } = run.tokens[position]
  const name = tokenName(run, position)
  return position === 0 || piece === shown || piece === ''
    ? name
    : `${name}, which completes ${showToken(piece)}`
}

function undo(edit: readonly Change[], dispatch: Dispatch): VNode {
  const stop = thenFocus(() => dispatch({ type: 'choose', choice: { edit: [] } }), '.chips')
  return html`<span class="editing">
    Changed: ${edit.map(changeName).join('; ')}.${' '}
    <button type="button" onClick=${stop}>Undo</button>
  </span>`
}

/** A mean that includes BOS would mislead; so would a scale that ends at it. */
function maximum(marks: Float32Array): number {
  return Math.max(0, ...marks.subarray(1))
}

/** Shows the chip within its list; the page itself does not move. */
function scrollWithin(chip: HTMLElement): void {
  const list = chip.parentElement
  if (list === null) return
  const top = chip.offsetTop - list.offsetTop
  if (top < list.scrollTop || top + chip.offsetHeight > list.scrollTop + list.clientHeight)
    list.scrollTop = top - list.clientHeight / 2
  const left = chip.offsetLeft - list.offsetLeft
  if (left < list.scrollLeft || left + chip.offsetWidth > list.scrollLeft + list.clientWidth)
    list.scrollLeft = left - list.clientWidth / 2
}
