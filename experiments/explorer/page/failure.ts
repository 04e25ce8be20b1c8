import { html } from 'htm/preact'
import type { VNode } from 'preact'
import type { Failure } from '../protocol.ts'
import { DEFAULT_BACKEND } from './backends.ts'
import type { Dispatch } from './state.ts'

/** Plain JavaScript needs neither WebAssembly, nor a graphics card, nor shared memory. */
const LAST_RESORT = 'gpujs:cpu'

/** Faults after which the same worker is of no more use. */
const WORKER_FAULTS: readonly Failure['kind'][] = ['start', 'weights', 'memory', 'internal']

/** What to try where `backend` does not run. */
export function insteadOf(backend: string): string {
  return backend === DEFAULT_BACKEND ? LAST_RESORT : DEFAULT_BACKEND
}

interface Props {
  readonly failure: Failure
  readonly backend: string
  readonly dispatch: Dispatch
}

/** What went wrong, in words, and the ways on. A text that cannot be read needs another text, not another worker. */
export function FailureNotice({ failure, backend, dispatch }: Props): VNode {
  const other = insteadOf(backend)
  const useOther = (): void => dispatch({ type: 'choose', choice: { backend: other } })
  const again = (): void => dispatch({ type: 'restart' })
  const undo = (): void => dispatch({ type: 'choose', choice: { edit: null } })
  return html`<div class="notice failure" role="alert">
    <p><strong>${failure.message}</strong></p>
    <p>${failure.advice}</p>
    ${failure.kind === 'edit' && ways([['Undo the edit', undo]])}
    ${
      WORKER_FAULTS.includes(failure.kind) &&
      ways([
        [`Use ${other} instead`, useOther],
        ['Try again', again],
      ])
    }
  </div>`
}

function ways(buttons: readonly (readonly [name: string, act: () => void])[]): VNode {
  return html`<p class="ways">
    ${buttons.map(([name, act]) => html`<button type="button" onClick=${act}>${name}</button>`)}
  </p>`
}
