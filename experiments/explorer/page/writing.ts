// What the model writes next, as it is and with the changes, side by side.
import { html } from '../../lab/report/html.ts'
import { count } from '../../lab/report/numbers.ts'
import { showToken, visible } from '../../lab/report/tokens.ts'
import { createContext, h, type ComponentChildren, type VNode } from 'preact'
import { useContext, useState } from 'preact/hooks'
import type { Change } from '../../lab/models/changes.ts'
import type { Ending, Sampling, Side, Token } from '../protocol.ts'
import { changeName, withoutChange } from './change-words.ts'
import { section, thenFocus } from './parts.ts'
import { cleanNumber, correction, SAMPLING_FIELDS, type SamplingField } from './sampling.ts'
import type { Dispatch, ShownWriting } from './state.ts'

/** The commands for a writer. */
export interface Writer {
  write: () => void
  stop: () => void
  goOn: () => void
}

interface Desk extends Writer {
  readonly writing: ShownWriting | null
  readonly edit: readonly Change[]
  readonly sampling: Sampling
  readonly dispatch: Dispatch
}

/** In addition to what the other sections are drawn from: each token redraws only this section. */
export const WritingContext = createContext<Desk | null>(null)

const HEADINGS: Readonly<Record<Side, string>> = { plain: 'As the model is', edited: 'With the edit' }
const ENDINGS: Readonly<Record<Ending, string>> = {
  end: 'It ends here, with <|endoftext|>.',
  full: 'The model has no positions left.',
}

export function WritingSection(): VNode | null {
  const desk = useContext(WritingContext)
  if (desk === null) return null
  const { writing, edit, sampling, dispatch } = desk
  return section(
    {
      id: 'writing',
      title: 'What does it write next, with your changes and without?',
      step: 'write',
      lead: [
        'The model continues your text from its end, one token at a time. Each token is drawn at random, with the probabilities that ' +
          'the model gives after everything before it. Both sides draw with the same seed, so they differ only where your changes ' +
          'move a guess far enough. With the same settings, ',
        html`<code>npm run generate</code>`,
        ' writes the text of the model as it is.',
      ],
    },
    [
      changeList(edit, dispatch),
      h(Settings, { sampling, dispatch }),
      html`<p class="note">
        A higher temperature dares more; 0 always takes the likeliest token. Top k draws from the k likeliest
        tokens alone. Top p draws from the likeliest that together reach that probability. Another seed draws
        another text.
      </p>`,
      html`<p class="examples">${buttons(desk)}</p>`,
      writing !== null && continuations(writing),
    ],
  )
}

function changeList(edit: readonly Change[], dispatch: Dispatch): VNode {
  if (edit.length === 0)
    return html`<p class="note">
      Nothing is changed yet, so there is one text. Turn a feature off or up on its card, a head off beside
      its pattern, or a neuron off on its card. Then both texts appear here, side by side.
    </p>`
  return html`<ul class="edit-list" aria-label="What is changed">
    ${edit.map((change) => {
      const name = changeName(change)
      const remove = thenFocus(
        () => dispatch({ type: 'choose', choice: { edit: withoutChange(edit, change) } }),
        edit.length > 1 ? '.edit-list button' : '.sampling input',
      )
      return html`<li>
        ${name[0].toUpperCase() + name.slice(1)}${' '}
        <button type="button" onClick=${remove}>Undo<span class="sr"> ${name}</span></button>
      </li>`
    })}
  </ul>`
}

/** A component of its own: it remembers what it had to correct. */
function Settings({ sampling, dispatch }: Pick<Desk, 'sampling' | 'dispatch'>): VNode[] {
  const [corrected, correct] = useState('')
  return [
    html`<div class="sampling" role="group" aria-label="How the next token is drawn">
      ${SAMPLING_FIELDS.map((field) => numberField(field, sampling, correct, dispatch))}
    </div>`,
    html`<p class="note" role="status">${corrected}</p>`,
  ]
}

function numberField(
  field: SamplingField,
  sampling: Sampling,
  correct: (words: string) => void,
  dispatch: Dispatch,
): VNode {
  const { name, words, min, max, step } = field
  const value = String(sampling[name] ?? '')
  const choose = ({ currentTarget }: Event): void => {
    const input = currentTarget as HTMLInputElement
    const chosen = cleanNumber(field, input.value)
    correct(correction(field, input.value))
    input.value = String(chosen ?? '')
    dispatch({ type: 'choose', choice: { sampling: { ...sampling, [name]: chosen } } })
  }
  return html`<label
    >${words}
    <input
      type="number"
      name=${name}
      min=${min}
      max=${max}
      step=${step === 1 ? 1 : 'any'}
      placeholder=${name === 'topK' ? 'all' : undefined}
      value=${value}
      onChange=${choose}
    />
  </label>`
}

/** The first button stays the same element whatever it does, so that whoever presses it with a key keeps the focus. */
function buttons({ writing, write, stop, goOn }: Desk): ComponentChildren {
  const button = (name: string, act: () => void): VNode =>
    html`<button type="button" onClick=${act}>${name}</button>`
  if (writing === null) return [button('Write', write)]
  if (writing.phase === 'writing') return [button('Stop', stop)]
  const canGoOn = writing.failure === null && Object.values(writing.endings).includes(null)
  return canGoOn ? [button('Go on', goOn), button('Write anew', write)] : [button('Write anew', write)]
}

function continuations(writing: ShownWriting): VNode {
  const { sides, failure, phase } = writing
  const parted = partingOf(writing)
  const [first, second] = sides
  return html`<div class="sides continuations" aria-busy=${phase === 'writing'}>
    ${failure !== null && html`<p class="notice" role="alert">${`${failure.message} ${failure.advice}`}</p>`}
    ${(failure === null || first.tokens.length > 0) && sides.map((one) => continuation(writing, one, parted))}
    <p class="note" role="status">
      ${phase === 'paused' && failure === null && summary(first.tokens, second?.tokens, parted)}
    </p>
  </div>`
}

function continuation(
  { endings }: ShownWriting,
  { side, tokens }: ShownWriting['sides'][number],
  parted: number | null,
): VNode {
  const ending = endings[side]
  return html`<div>
    <h3>${HEADINGS[side]}</h3>
    <p class="written" data-side=${side} tabindex="0" role="region" aria-label=${HEADINGS[side]}>
      ${tokens.map((token, i) => writtenToken(token, i, parted))}
    </p>
    ${ending && html`<p class="note">${ENDINGS[ending]}</p>`}
  </div>`
}

function writtenToken({ id, piece, shown }: Token, at: number, parted: number | null): VNode {
  const tag = at === parted ? 'mark' : 'span'
  const apart = parted !== null && at > parted && 'apart'
  return html`<${tag} class=${apart} data-id=${id} title="token ${at + 1}: ${showToken(shown)}">${visible(piece)}</${tag}>`
}

/** The first token that differs, or that only one of them has; null as long as there is none. */
export function partingOf({
  sides,
  endings,
  phase,
}: Pick<ShownWriting, 'sides' | 'endings' | 'phase'>): number | null {
  const [plain, edited] = sides.map(({ tokens }) => tokens)
  if (edited === undefined) return null
  const both = Math.min(plain.length, edited.length)
  for (let at = 0; at < both; at++) if (plain[at].id !== edited[at].id) return at
  const over = phase === 'paused' && Object.values(endings).some((ending) => ending !== null)
  return over && plain.length !== edited.length ? both : null
}

function summary(
  plain: readonly Token[],
  edited: readonly Token[] | undefined,
  parted: number | null,
): string {
  const length = count(plain.length, 'token')
  if (edited === undefined) return `${length} written.`
  if (parted === null) return `The same ${length} on both sides: the edit changes none of them.`
  const name = (tokens: readonly Token[]): string =>
    parted < tokens.length ? showToken(tokens[parted].shown) : 'the end'
  return `They part at token ${parted + 1}: ${name(plain)} without the edit, ${name(edited)} with it.`
}
