// "Why this token?": what each part of the model adds to a next token's logit.
import { html } from '../../lab/report/html.ts'
import { showNumber, showSigned } from '../../lab/report/numbers.ts'
import { dataTable } from '../../lab/report/tables.ts'
import { showToken } from '../../lab/report/tokens.ts'
import { h, type VNode } from 'preact'
import { useContext } from 'preact/hooks'
import type { Why, WhyChoice } from '../protocol.ts'
import { memo } from './memo.ts'
import { section, term, textToken, thenFocus, tokenName, valueOf, vocabularyName } from './parts.ts'
import { topAt, type ShownRun } from './text-run.ts'
import { WhyContext, type WhyDesk } from './why-desk.ts'
import { WhyLists } from './why-lists.ts'
import { waterfall } from './why-parts.ts'

/** The likeliest token, against nothing. */
const USUAL: WhyChoice = { target: null, against: null }

export function WhySection(): VNode | null {
  const desk = useContext(WhyContext)
  if (desk === null) return null
  const { run, token, choice, open, without, dispatch } = desk
  const explain = thenFocus(() => dispatch({ type: 'choose', choice: { why: USUAL } }), '.why-choice select')
  return section(
    {
      id: 'why',
      title: 'Why this token?',
      step: 'why',
      open: choice !== null,
      lead: [
        'Every layer adds to the stream, and the logit of a next token is read from that sum. So it is itself a sum: of what the ' +
          'embedding, each head and each MLP contribute for the token or against it. This is called ',
        term('direct logit attribution'),
        '. What they do through later layers is left out, and the final LayerNorm’s scale is held fixed.',
      ],
    },
    choice === null
      ? html`<p class="examples">
          <button type="button" id="explain" onClick=${explain}>
            Explain the token after ${textToken(run, token)}
          </button>
        </p>`
      : [chooser(desk, choice), h(Explanation, { open, without, dispatch })],
  )
}

/** Which token, against which: one of the guesses, or typed. */
function chooser({ run, token, dispatch }: WhyDesk, choice: WhyChoice): VNode {
  const choose = (part: Partial<WhyChoice>): void =>
    dispatch({ type: 'choose', choice: { why: { ...choice, ...part } } })
  const guesses = topAt(run.next, token).map(({ index }) => index)
  const follows = run.tokens.at(token + 1)
  if (follows && !guesses.includes(follows.id)) guesses.push(follows.id)
  const name = (id: number): string =>
    id === follows?.id ? `${showToken(follows.shown)}, as in the text` : vocabularyName(run, id)
  const field = (words: string, none: string, part: keyof WhyChoice): VNode => {
    const chosen = choice[part]
    const listed = typeof chosen === 'number' && !guesses.includes(chosen) ? [chosen, ...guesses] : guesses
    return html`<div>
      <label
        >${words}${' '}
        <select
          value=${typeof chosen === 'number' ? chosen : ''}
          onChange=${(event: Event) => choose({ [part]: valueOf(event) === '' ? null : Number(valueOf(event)) })}
        >
          <option value="" selected=${typeof chosen !== 'number'}>${none}</option>
          ${listed.map((id) => html`<option value=${id} selected=${id === chosen}>${name(id)}</option>`)}
        </select></label
      >
      <label
        >or any other${' '}
        <input
          type="text"
          name=${part}
          maxlength="60"
          size="12"
          placeholder="with its space"
          value=${typeof chosen === 'string' ? chosen : ''}
          onChange=${(event: Event) => choose({ [part]: valueOf(event) === '' ? null : valueOf(event) })}
      /></label>
    </div>`
  }
  const close = thenFocus(() => dispatch({ type: 'choose', choice: { why: null } }), '#explain')
  return html`<div class="why-choice">
    ${field('Explain', 'the likeliest token', 'target')} ${field('against', 'nothing', 'against')}
    <button type="button" onClick=${close}>Close<span class="sr"> the explanation</span></button>
  </div>`
}

/** Not drawn again while a text is typed, nor for a hovered feature. */
const Explanation = memo(
  ({ open, without, dispatch }: Pick<WhyDesk, 'open' | 'without' | 'dispatch'>): VNode => {
    if (open?.failure)
      return html`<div class="notice" role="alert">
        <p>${`${open.failure.message} ${open.failure.advice}`}</p>
      </div>`
    if (!open?.why || !open.run) return html`<p role="status">Taking the logit apart …</p>`
    const { why, run, position } = open
    return html`<div class="why" aria-busy=${open.busy}>
      <p role="status">${sentence(run, position, why)}</p>
      ${run.edited && html`<p class="note">This is the model as it is, without your changes to it.</p>`}
      ${waterfall(why)} ${h(WhyLists, { run, open, why, without, dispatch })}
      ${why.saes.length > 0 && saeTable(why)}
    </div>`
  },
)

/** The number that is explained, and what its parts leave unexplained. */
function sentence(run: ShownRun, position: number, { target, against, logit, sum }: Why): string {
  const name = showToken(target.shown)
  const what =
    against === null
      ? `The logit of ${name} after ${tokenName(run, position)}`
      : `How far the logit of ${name} is above that of ${showToken(against.shown)} after ${tokenName(run, position)}`
  return `${what} is ${showSigned(logit, 3)}. The parts add up to ${showSigned(sum, 3)}; what remains, ${showNumber(Math.abs(logit - sum))}, is rounding.`
}

/** The whole stream at each layer's input: what features, bias and the rest contribute. */
function saeTable({ saes }: Why): VNode {
  const effect = (value: number) => showSigned(value, 3)
  return html`<details>
    <summary>How much of it comes from the features?</summary>
    ${dataTable({
      caption: 'The stream at each layer’s input, as its SAE takes it apart',
      columns: ['Layer', 'Features', 'SAE’s bias', 'Not rebuilt', 'Together'],
      rows: saes.map(({ layer, features, bias, error, sum }) => ({
        head: String(layer),
        cells: [features, bias, error, sum].map(effect),
      })),
    })}
    <p class="note">
      Each row is the same stream at another depth, so rows do not add up. What an SAE does not rebuild
      speaks, too.
    </p>
  </details>`
}
