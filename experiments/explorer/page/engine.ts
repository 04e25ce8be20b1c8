// The page’s side of its worker.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { ALL, writeQuery } from '../library-query.ts'
import type { Answer, Failure, Request } from '../protocol.ts'
import { startWorker } from '../worker/start.ts'
import type { Dispatch, State } from './state.ts'
import type { Writer } from './writing.ts'

/** When there was last a reason to run, and when there was one for the run that was asked for last: performance.now(). */
export interface Times {
  changed: number
  asked: number
}

/** Until then nobody misses a run's progress, and drawing it would only take time from the run. */
const PATIENCE_MS = 100

/**
 * Keeps one worker and asks it for what the state wants: a run whenever text or edit changed, a card whenever another
 * feature was chosen. Its answers become actions. -> what has it write
 */
export function useEngine(state: State, dispatch: Dispatch, times: Times): Writer {
  const worker = useRef<Worker | null>(null)
  const lastId = useRef(0)
  const { link, opened } = state
  const ask = (request: Request): void => worker.current?.postMessage(request)

  useLayoutEffect(() => {
    const fail = (failure: Failure): void => dispatch({ type: 'answer', answer: { type: 'failed', failure } })
    const started = open(
      link.backend,
      (answer) => {
        if (answer.type === 'layer' && performance.now() - times.asked < PATIENCE_MS) return
        if (answer.type === 'opened') times.changed = performance.now()
        if (answer.type === 'run') performance.mark('explorer:end')
        dispatch({ type: 'answer', answer })
      },
      fail,
    )
    worker.current = started
    return () => started?.terminate()
  }, [state.worker])

  // Layout effects run with the keystroke's own drawing, not after the next frame: the worker starts that much sooner.
  useLayoutEffect(() => {
    if (opened === null) return
    const id = ++lastId.current
    ask({ type: 'run', id, text: link.text, edit: link.edit })
    times.asked = times.changed
    dispatch({ type: 'asked', id })
  }, [opened, link.text, JSON.stringify(link.edit)])

  useEffect(() => {
    if (opened === null || link.feature === null) return
    const id = ++lastId.current
    ask({ type: 'card', id, ...link.feature })
    dispatch({ type: 'asked-card', id })
  }, [opened, JSON.stringify(link.feature)])

  const isWanted = state.librarySeen || writeQuery(link.library) !== writeQuery(ALL)
  useEffect(() => {
    if (opened?.corpus === undefined || !isWanted) return
    const id = ++lastId.current
    ask({ type: 'library', id, query: link.library })
    dispatch({ type: 'asked-library', id })
  }, [opened, isWanted, JSON.stringify(link.library)])

  const writing = state.writing?.id
  // Whatever ends it on the page, it is not to be written any further.
  useEffect(() => (writing === undefined ? undefined : () => ask({ type: 'stop', id: writing })), [writing])
  return {
    write() {
      const id = ++lastId.current
      const { text, edit, sampling } = link
      ask({ type: 'write', id, text, edit, sampling })
      dispatch({ type: 'asked-writing', id })
    },
    stop() {
      if (writing !== undefined) ask({ type: 'stop', id: writing })
    },
    goOn() {
      if (writing === undefined) return
      ask({ type: 'go-on', id: writing, tokens: link.sampling.tokens })
      dispatch({ type: 'asked-writing', id: writing })
    },
  }
}

/** A worker that was told what computes; null where the browser gives none, which `fail` has been told then. */
function open(
  backend: string,
  answer: (answer: Answer) => void,
  fail: (failure: Failure) => void,
): Worker | null {
  try {
    const worker = startWorker(backend)
    worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => answer(data))
    worker.addEventListener('messageerror', () => fail(broken('an answer of the worker could not be read')))
    worker.addEventListener('error', (event) => {
      // The page says it; the console needs not say it again. What the worker still sends would undo the failure.
      event.preventDefault()
      worker.terminate()
      fail(broken(event.message || 'its script could not be loaded'))
    })
    worker.postMessage({ type: 'open', backend: { name: backend } } satisfies Request)
    return worker
  } catch (error) {
    fail(broken(error instanceof Error ? error.message : String(error)))
    return null
  }
}

function broken(reason: string): Failure {
  return {
    kind: 'internal',
    message: `The worker that computes has stopped: ${reason}.`,
    advice: 'Your text is still here. Start it again, or let something else compute.',
  }
}
