// Turns a feature off or up, or scales it.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { showNumber } from '../../lab/report/numbers.ts'
import {
  cleanCoefficient,
  LARGEST_COEFFICIENT,
  type Change,
  type FeatureEdit,
  type FeatureRef,
} from '../../lab/models/changes.ts'
import { sameThing, withChange, withoutChange } from './change-words.ts'
import { valueOf } from './parts.ts'
import type { Dispatch } from './state.ts'

interface Props {
  readonly feature: FeatureRef
  readonly edit: readonly Change[]
  /** The feature's highest activation in the bundled texts; null if it is not known or the feature fires in none. */
  readonly max: number | null
  readonly dispatch: Dispatch
}

/** The strength to start from if nothing says how strongly a feature fires. */
const TYPICAL = 10

/** The largest factor of the slider: enough to drown out everything else. */
const LARGEST_FACTOR = 10

/** Turns a feature off or up, scales it, and leaves it as it is. */
export function EditControls({ feature, edit, max, dispatch }: Props): VNode {
  const off: FeatureEdit = { ...feature, kind: 'off' }
  const own = edit.find((change) => sameThing(change, off))
  const strength = max ?? TYPICAL
  const choose = (chosen: FeatureEdit | null, passing = false): void => {
    const others = chosen === null ? withoutChange(edit, off) : withChange(edit, chosen)
    dispatch({ type: 'choose', choice: { edit: others }, passing })
  }
  const up = (coefficient: number): FeatureEdit => ({
    ...feature,
    kind: 'up',
    coefficient: cleanCoefficient(coefficient),
  })
  const scaled = (factor: number): FeatureEdit => ({
    ...feature,
    kind: 'scale',
    factor: cleanCoefficient(factor),
  })
  const choices: readonly [name: string, chosen: FeatureEdit | null, pressed: boolean][] = [
    ['Leave it', null, own === undefined],
    ['Turn it off', off, own?.kind === 'off'],
    ['Scale it where it fires', scaled(2), own?.kind === 'scale'],
    ['Turn it up', up(strength), own?.kind === 'up'],
  ]
  return html`<div class="edit">
    <h3>What if it were different?</h3>
    <p class="examples" role="group" aria-label="What to do to the feature">
      ${choices.map(
        ([name, chosen, pressed]) =>
          html`<button type="button" aria-pressed=${pressed} onClick=${() => choose(chosen)}>
            ${name}
          </button>`,
      )}
    </p>
    ${own?.kind === 'up' && slider('By how much', own.coefficient, 4 * strength, (coefficient) => choose(up(coefficient), true))}
    ${own?.kind === 'scale' && slider('How many times', own.factor, LARGEST_FACTOR, (factor) => choose(scaled(factor), true))}
    <p class="note">
      Off: its part is taken out of the stream wherever it fires. Scaled: its part is multiplied there by your
      factor. Up: its direction is added at every token but BOS, as strongly as you
      say${max === null ? '' : `; its own highest activation is ${showNumber(max)}`}.
    </p>
  </div>`
}

/** Attributes and action of a button that turns a head or a neuron off and on again. */
export function offSwitch(change: Change, edit: readonly Change[], dispatch: Dispatch) {
  const isOff = edit.some((other) => sameThing(other, change))
  const others = isOff ? withoutChange(edit, change) : withChange(edit, change)
  return {
    'aria-pressed': isOff,
    onClick: () => dispatch({ type: 'choose', choice: { edit: others } }),
  }
}

function slider(words: string, value: number, most: number, choose: (value: number) => void): VNode {
  const top = Math.min(LARGEST_COEFFICIENT, Math.ceil(Math.max(most, value)))
  return html`<p class="slider">
    <label for="coefficient">${words}</label>
    <input
      id="coefficient"
      type="range"
      min="0"
      max=${top}
      step=${top / 100}
      value=${value}
      onInput=${(event: Event) => choose(Number(valueOf(event)))}
    />
    <output for="coefficient">${showNumber(value)}</output>
  </p>`
}
