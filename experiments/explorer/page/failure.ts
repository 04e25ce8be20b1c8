// What went wrong, in words, and what to do next.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import type { Failure } from '../protocol.ts'
import { DEFAULT_BACKEND } from './backends.ts'
import type { Dispatch } from './state.ts'

/** Plain JavaScript needs neither WebAssembly, nor a graphics card, nor shared memory. */
const LAST_RESORT = 'gpujs:cpu'

/** What to try where `backend` does not run. */
export function insteadOf(backend: string): string {
  return backend === DEFAULT_BACKEND ? LAST_RESORT : DEFAULT_BACKEND
}

interface Props {
  readonly failure: Failure
  /** Whether something older is shown. */
  readonly stale: boolean
  readonly backend: string
  readonly dispatch: Dispatch
}

/** A button's label, and what it does. */
type Way = readonly [name: string, act: () => void]

export function FailureNotice(props: Props): VNode {
  const { failure, stale } = props
  return html`<div class="notice failure" role="alert">
    <p><strong>${failure.message}</strong></p>
    <p>${failure.advice}${stale && ' The last text that was read is still shown below.'}</p>
    <p class="ways">
      ${waysOn(props).map(([name, act]) => html`<button type="button" onClick=${act}>${name}</button>`)}
    </p>
  </div>`
}

/** A text that is too long needs another text; damaged weights are damaged for every backend. */
export function waysOn({ failure, backend, dispatch }: Omit<Props, 'stale'>): Way[] {
  const other = insteadOf(backend)
  const useOther: Way = [
    `Use ${other} instead`,
    () => dispatch({ type: 'choose', choice: { backend: other } }),
  ]
  const tryAgain: Way = ['Try again', () => dispatch({ type: 'restart' })]
  const undo: Way = ['Undo the edit', () => dispatch({ type: 'choose', choice: { edit: [] } })]
  switch (failure.kind) {
    case 'text':
      return []
    case 'edit':
      return [undo]
    case 'folder':
      return [['Use the bundled model', () => dispatch({ type: 'model', folder: null })]]
    case 'weights':
    case 'card':
      return [tryAgain]
    default:
      return [useOther, tryAgain]
  }
}
