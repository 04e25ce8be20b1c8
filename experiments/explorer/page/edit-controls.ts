// Turns a feature off or up.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { showNumber } from '../../lab/report/numbers.ts'
import type { FeatureEdit, FeatureRef } from '../protocol.ts'
import { cleanCoefficient, LARGEST_COEFFICIENT } from './link.ts'
import { valueOf } from './parts.ts'
import type { Dispatch } from './state.ts'

interface Props {
  readonly feature: FeatureRef
  readonly edit: FeatureEdit | null
  /** The feature's highest activation in the bundled texts; null where it is not known, or fires in none. */
  readonly max: number | null
  readonly dispatch: Dispatch
}

/** Where nothing says how strongly a feature fires. */
const TYPICAL = 10

/** Turns a feature off or up, and leaves it as it is. */
export function EditControls({ feature, edit, max, dispatch }: Props): VNode {
  const own = edit?.layer === feature.layer && edit.feature === feature.feature ? edit : null
  const strength = max ?? TYPICAL
  const choose = (chosen: FeatureEdit | null, passing = false): void =>
    dispatch({ type: 'choose', choice: { edit: chosen }, passing })
  const up = (coefficient: number): FeatureEdit => ({
    ...feature,
    kind: 'up',
    coefficient: cleanCoefficient(coefficient),
  })
  const choices: readonly [name: string, chosen: FeatureEdit | null, pressed: boolean][] = [
    ['Leave it', null, own === null],
    ['Turn it off', { ...feature, kind: 'off' }, own?.kind === 'off'],
    ['Turn it up', up(strength), own?.kind === 'up'],
  ]
  return html`<div class="edit">
    <h3>What if it were otherwise?</h3>
    <p class="examples" role="group" aria-label="What to do to the feature">
      ${choices.map(
        ([name, chosen, pressed]) =>
          html`<button type="button" aria-pressed=${pressed} onClick=${() => choose(chosen)}>
            ${name}
          </button>`,
      )}
    </p>
    ${own?.kind === 'up' && slider(own.coefficient, strength, (coefficient) => choose(up(coefficient), true))}
    <p class="note">
      Off: its part is taken out of the stream wherever it fires. Up: its direction is added at every token
      but BOS, as strongly as you
      say${max === null ? '' : `; its own highest activation is ${showNumber(max)}`}.
    </p>
  </div>`
}

function slider(coefficient: number, strength: number, choose: (coefficient: number) => void): VNode {
  const top = Math.min(LARGEST_COEFFICIENT, Math.ceil(Math.max(4 * strength, coefficient)))
  return html`<p class="slider">
    <label for="coefficient">By how much</label>
    <input
      id="coefficient"
      type="range"
      min="0"
      max=${top}
      step=${top / 100}
      value=${coefficient}
      onInput=${(event: Event) => choose(Number(valueOf(event)))}
    />
    <output for="coefficient">${showNumber(coefficient)}</output>
  </p>`
}
