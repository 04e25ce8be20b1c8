// The first visit: one example in five steps, which can be skipped and opened again.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { unfold } from './fold.ts'
import { START, type Link } from './link.ts'
import type { Dispatch } from './state.ts'
import type { ShownRun } from './text-run.ts'

interface Stop {
  /** The section that it shows. */
  readonly id: string
  readonly title: string
  readonly words: string
  readonly choice: Partial<Link>
}

const STOPS: readonly Stop[] = [
  {
    id: 'tokens',
    title: 'A text is cut into tokens',
    words:
      'This line of Python is the example. The model reads it as tokens: words and pieces of words. You may change the text ' +
      'at any time, here or later.',
    choice: { text: START.text, token: null, feature: null, edit: [] },
  },
  {
    id: 'next',
    title: 'The model says what comes next',
    words:
      'After each token it gives every possible next token a probability. Choose another token in the list that stays ' +
      'at the top, and this section shows what comes after it.',
    choice: { token: null },
  },
  {
    id: 'features',
    title: 'Inside, a token is a few features',
    words:
      'Between layers, sparse autoencoders take the model’s numbers apart into features. Hover over one to see where it ' +
      'fires; click it to learn what it may stand for.',
    choice: {},
  },
  {
    id: 'attention',
    title: 'Heads fetch from earlier tokens',
    words: 'Each square is a head: rows look, columns are looked at. Click one to see it large.',
    choice: {},
  },
  {
    id: 'changes',
    title: 'Change the model, and see what that does',
    words:
      'Now head 0 of layer 0 is turned off, and the guesses move. Further down, “Write” shows what the model writes with it ' +
      'and without. “Undo”, beside the tokens, takes it back.',
    choice: { edit: [{ kind: 'head', layer: 0, head: 0 }] },
  },
]

const SEEN = 'clearbox-tour'

/** Storage may be denied: then each visit is a first one. */
function seen(): boolean {
  try {
    return localStorage.getItem(SEEN) !== null
  } catch {
    return false
  }
}

function remember(): void {
  try {
    localStorage.setItem(SEEN, 'seen')
  } catch {
    // it is shown again next time
  }
}

/** Whoever follows a link came for what it shows. */
const isFirstVisit = (): boolean => location.hash === '' && !seen()

/** The steps while they are open, otherwise a button that opens them. `run` is null until the page shows something. */
export function Tour({ run, dispatch }: { run: ShownRun | null; dispatch: Dispatch }): VNode {
  const [step, setStep] = useState(() => (isFirstVisit() ? 0 : null))
  const moved = useRef(false)
  const heading = useRef<HTMLHeadingElement>(null)
  const again = useRef<HTMLButtonElement>(null)
  const stop = step === null ? undefined : STOPS[step]
  useArrival(moved.current ? stop?.id : undefined, run)
  useEffect(() => {
    if (moved.current) (heading.current ?? again.current)?.focus({ preventScroll: true })
  }, [step])
  const go = (to: number): void => {
    moved.current = true
    setStep(to)
    dispatch({ type: 'choose', choice: STOPS[to].choice, passing: true })
  }
  if (step === null || stop === undefined)
    return html`<p class="tour-again">
      <button type="button" ref=${again} onClick=${() => go(0)}>Show me around in five steps</button>
    </p>`
  const close = (): void => {
    remember()
    moved.current = true
    setStep(null)
  }
  const key = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') close()
  }
  const last = step === STOPS.length - 1
  return html`<aside class="tour" aria-labelledby="tour" onKeyDown=${key}>
    <h2 id="tour" tabindex="-1" ref=${heading}>
      <small>${`Step ${step + 1} of ${STOPS.length}`}</small> ${stop.title}
    </h2>
    <p>${stop.words}</p>
    <p class="examples">
      ${step > 0 && html`<button type="button" onClick=${() => go(step - 1)}>Back</button>`}
      ${!last && html`<button type="button" onClick=${() => go(step + 1)}>Next</button>`}
      <button type="button" onClick=${close}>${last ? 'Done' : 'Skip'}</button>
    </p>
  </aside>`
}

/** Shows a step's section as soon as it exists, and marks it as long as the step is open. */
function useArrival(id: string | undefined, run: ShownRun | null): void {
  const arrived = useRef<string>(undefined)
  useEffect(() => {
    const section = id === undefined ? null : document.getElementById(id)?.closest('section')
    if (id === undefined || !section) {
      arrived.current = undefined
      return
    }
    section.classList.add('toured')
    if (arrived.current !== id) {
      arrived.current = id
      unfold(id)
      section.scrollIntoView({ block: 'start' })
    }
    return () => section.classList.remove('toured')
  }, [id, run])
}
