// What the model should read, what computes, and how that went.
import { html } from '../../lab/report/html.ts'
import { h, type VNode } from 'preact'
import { BACKENDS } from './backends.ts'
import { EXAMPLES } from './examples.ts'
import { shorten } from '../../lab/report/numbers.ts'
import { visible } from '../../lab/report/tokens.ts'
import { FailureNotice } from './failure.ts'
import { LONGEST_TEXT } from './link.ts'
import { memo } from './memo.ts'
import { ModelChoice } from './model-choice.ts'
import { RunFacts } from './run-facts.ts'
import { valueOf } from './parts.ts'
import type { Dispatch, State } from './state.ts'

export function TextPanel({ state, dispatch }: { state: State; dispatch: Dispatch }): VNode {
  const { link, failure, refused, run } = state
  return html`<section class="ask" aria-labelledby="text-title">
    <h2 id="text-title">What should the model read?</h2>
    <div class="asking">
      <div>
        ${h(TextBox, { text: link.text, dispatch })} ${refused.length > 0 && refusal(refused)}
        ${failure !== null && h(FailureNotice, { failure, stale: run !== null, backend: link.backend, dispatch })}
        ${h(Examples, { dispatch })}
      </div>
      <div>
        ${h(BackendChoice, { backend: link.backend, dispatch })}
        ${h(ModelChoice, { backend: link.backend, folder: state.folder, dispatch })} ${h(RunFacts, { state })}
      </div>
    </div>
  </section>`
}

/** The parts of the address that could not be followed. */
function refusal(refused: readonly string[]): VNode {
  const fields = refused.flatMap((field) => [' ', html`<code>${visible(shorten(field, 40))}</code>`])
  return html`<p class="notice" role="status">
    ${['Left out of the link, because it is not understood or this model does not have it:', ...fields]}
  </p>`
}

const TextBox = memo(({ text, dispatch }: { text: string; dispatch: Dispatch }): VNode => {
  const write = (event: Event): void =>
    dispatch({ type: 'choose', choice: { text: valueOf(event) }, passing: true })
  return html`<div>
    <p id="text-note" class="note">The model reads it at every key press; nothing leaves this page.</p>
    <textarea
      id="text"
      aria-labelledby="text-title"
      aria-describedby="text-note"
      rows="4"
      maxlength=${LONGEST_TEXT}
      dir="auto"
      spellcheck=${false}
      value=${text}
      onInput=${write}
    ></textarea>
  </div>`
})

const Examples = memo(({ dispatch }: { dispatch: Dispatch }): VNode => {
  return html`<p class="examples" role="group" aria-label="Examples">
    <span>Or take an example:</span>
    ${EXAMPLES.map(({ category, text }) => {
      const take = (): void => dispatch({ type: 'choose', choice: { text, token: null } })
      return html`<button type="button" onClick=${take}>${category}</button>`
    })}
  </p>`
})

const BackendChoice = memo(({ backend, dispatch }: { backend: string; dispatch: Dispatch }): VNode => {
  const choose = (event: Event): void => dispatch({ type: 'choose', choice: { backend: valueOf(event) } })
  return html`<div>
    <label for="backend">What computes</label>
    <select id="backend" value=${backend} onChange=${choose}>
      ${BACKENDS.map(({ name, words }) => html`<option value=${name} selected=${name === backend}>${name}: ${words}</option>`)}
    </select>
  </div>`
})
