// Texts with the tokens marked that make a feature fire.
import { html } from './html.ts'
import type { VNode } from 'preact'
import { visible } from '../cli/visible.ts'
import { shorten } from './numbers.ts'
import { levelClass } from './tables.ts'

export { visible }

/**
 * `visible`, `tokenRuns` and `firingText` also run inside the report,
 * where they arrive as their own source (see show-all.ts): they use nothing from outside but each other.
 */

/** A text and its tokens; the first piece is BOS, which is shown greyed and never counted. */
export interface TokenText {
  category: string
  /** One a token. A token that ends inside a character is '', the character stands in the token that completes it. */
  pieces: readonly string[]
}

/** The tokens at which a feature fires, flat and rising: [position, activation, position, activation, ...]. */
export type Firing = readonly number[]

/** Neighbouring silent tokens, or one that fires: its step 1..8 of the feature's maximum and what to say on hover. */
interface TokenRun {
  text: string
  level: number
  title: string
}

/**
 * Keeps the tokens that fire, without BOS, to three significant digits.
 * @param activations of one feature in one text, one per token, BOS first
 * @throws if there is not one activation a token
 */
export function firingTokens(pieces: readonly string[], activations: ArrayLike<number>): number[] {
  if (activations.length !== pieces.length)
    throw new Error(
      `firingTokens: ${pieces.length} tokens (BOS included) but ${activations.length} activations`,
    )
  const firing: number[] = []
  for (let position = 1; position < pieces.length; position++)
    if (activations[position] > 0) firing.push(position, Number(activations[position].toPrecision(3)))
  return firing
}

/** A token by itself, its spaces as dots: `“·the”`. */
export function showToken(token: string): string {
  return `“${visible(token).replaceAll('\n', '').replaceAll('\t', '').replaceAll(' ', '·')}”`
}

const TOKEN_LENGTH = 20

/** A feature's number, and the token on which it fires most, as far as there is one: `147 “·import”`. */
export function namedFeature(feature: number, token: string | null | undefined): string {
  if (token === null || token === undefined) return String(feature)
  return `${feature} ${showToken(token === '' ? '…' : shorten(token, TOKEN_LENGTH))}`
}

/** A text after BOS as runs to mark. `max` is the feature's highest activation in any text. */
export function tokenRuns(pieces: readonly string[], firing: Firing, max: number): TokenRun[] {
  const runs: TokenRun[] = []
  let next = 1
  const silent = (to: number): void => {
    if (to > next) runs.push({ text: visible(pieces.slice(next, to).join('')), level: 0, title: '' })
  }
  for (let i = 0; i < firing.length; i += 2) {
    const [position, value] = [firing[i], firing[i + 1]]
    const piece = pieces[position]
    const text = piece === '' ? '…' : /^ +$/.test(piece) ? '·'.repeat(piece.length) : visible(piece)
    const name = piece === '' ? 'part of a character' : `“${text.replace(/^ /, '·').trimEnd()}”`
    silent(position)
    runs.push({
      text,
      level: Math.max(1, Math.min(8, Math.ceil((value / max) * 8))),
      title: `${name} ${value}`,
    })
    next = position + 1
  }
  silent(pieces.length)
  return runs
}

/** A text in which a feature fires: who and how much, in a line, and the text as runs. `mean` is over its tokens. */
export function firingText(text: TokenText, index: number, mean: number, firing: Firing, max: number) {
  const runs = tokenRuns(text.pieces, firing, max)
  const values = firing.filter((_, i) => i % 2 === 1)
  const strongest = runs.filter((run) => run.level > 0)[values.indexOf(Math.max(...values))]
  const note = `text ${index + 1} · mean ${mean.toPrecision(3)} · strongest ${strongest.title}`
  return { category: visible(text.category), note, runs }
}

/** A text with its firing tokens marked. */
export function tokenText(runs: readonly TokenRun[]): VNode {
  return html`<p class="tokens" dir="auto"><bdi class="bos">BOS</bdi>${markedRuns(runs)}</p>`
}

/** Runs of a text, those that fire marked. */
export function markedRuns(runs: readonly TokenRun[]): (VNode | string)[] {
  return runs.map(({ text, level, title }) =>
    level === 0 ? text : html`<mark class=${levelClass(level)} title=${title}>${text}</mark>`,
  )
}

/**
 * The tokens around one of a text's, as pieces and firing of a text of its own, its first piece in BOS's place; `before`
 * and `after` say where the text goes on.
 */
export function excerpt(pieces: readonly string[], firing: Firing, position: number, around: number) {
  const [from, to] = [Math.max(1, position - around), Math.min(pieces.length, position + around + 1)]
  const moved: number[] = []
  for (let i = 0; i < firing.length; i += 2)
    if (firing[i] >= from && firing[i] < to) moved.push(firing[i] - from + 1, firing[i + 1])
  return {
    pieces: ['', ...pieces.slice(from, to)],
    firing: moved,
    before: from > 1,
    after: to < pieces.length,
  }
}

/** What the colours of marked tokens mean. */
export function tokenLegend(): VNode {
  const steps = [1, 2, 3, 4, 5, 6, 7, 8].map((step) => html`<i class=${levelClass(step)}></i>`)
  const scale = html`<span class="steps" aria-hidden="true">${steps}</span>`
  const bos = html`<bdi class="bos">BOS</bdi>`
  return html`<div class="legend">
    <p>
      ${['The feature fires on the marked tokens: weakly ', scale, ' strongly, on a scale up to its own highest activation.']}
    </p>
    <p>
      ${['Hover over a token, or tap it, for its number. ', bos, 'is left out of every mean, count and mark.']}
    </p>
    <p>↵ is a line break, · a space that fires, … part of a character, [U+200B] an invisible character.</p>
  </div>`
}
