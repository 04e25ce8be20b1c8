// The page’s side of the exchange with its worker.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { ALL, writeQuery } from '../library-query.ts'
import type { Change } from '../../lab/models/changes.ts'
import type { Answer, Failure, Request } from '../protocol.ts'
import { startWorker } from '../worker/start.ts'
import { clampToken, type Dispatch, type State } from './state.ts'
import type { WhyDesk } from './why-desk.ts'
import type { Writer } from './writing.ts'

/** The time (performance.now()) of the last reason to run, and of the reason for the run requested last. */
export interface Times {
  changed: number
  asked: number
}

/** Until this much time has passed nobody misses a run's progress, and drawing it would only take time from the run. */
const PATIENCE_MS = 100

/**
 * Keeps one worker and asks it for what the state wants: a run whenever text or edit changed, a card whenever another
 * feature was chosen, an explanation whenever another run has come. Its answers become actions. -> the functions that make it write, and
 * take parts out
 */
export function useEngine(
  state: State,
  dispatch: Dispatch,
  times: Times,
): { writer: Writer; without: WhyDesk['without'] } {
  const worker = useRef<Worker | null>(null)
  const lastId = useRef(0)
  const { link, opened, run } = state
  const ask = (request: Request): void => worker.current?.postMessage(request)

  useLayoutEffect(() => {
    const fail = (failure: Failure): void => dispatch({ type: 'answer', answer: { type: 'failed', failure } })
    const started = open(
      { type: 'open', backend: { name: link.backend }, folder: state.folder ?? undefined },
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

  // What a key press asks for is requested in layout effects: they run with the key's own drawing, not after the next frame.
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

  const { pair } = state
  const { text, other, patch } = link
  const read = run?.text === text && text
  useEffect(() => {
    if (opened === null || read === false || other === '') return
    const id = ++lastId.current
    ask({ type: 'pair', id, text, other })
    dispatch({ type: 'asked-pair', id })
  }, [opened, read, other])

  useEffect(() => {
    if (opened === null || patch === null || !pair?.own || pair.own.text === pair.run.text) return
    const id = ++lastId.current
    ask({ type: 'patch', id, text: pair.own.text, other: pair.run.text, patch })
    dispatch({ type: 'asked-patch', id })
  }, [opened, pair?.run, JSON.stringify(patch)])
  useEffect(() => {
    if (link.neuron === null || run === null || run.id !== state.asked) return
    const id = ++lastId.current
    ask({ type: 'neuron', id, text: run.text, ...link.neuron })
    dispatch({ type: 'asked-neuron', id })
  }, [run, JSON.stringify(link.neuron)])

  const position = clampToken(run, link.token)
  useEffect(() => {
    if (link.why === null || run === null || run.id !== state.asked) return
    const id = ++lastId.current
    ask({ type: 'why', id, text: run.text, position, ...link.why })
    dispatch({ type: 'asked-why', id, position })
  }, [run, position, JSON.stringify(link.why)])
  const whyId = state.why?.id
  const without = useCallback(
    (changes: readonly Change[]): void => {
      if (link.why === null || run === null || whyId === undefined) return
      ask({ type: 'without', id: whyId, text: run.text, position, ...link.why, changes })
      dispatch({ type: 'asked-without', wanted: changes.length })
    },
    [run, position, link.why, whyId],
  )

  const isWanted = state.librarySeen || writeQuery(link.library) !== writeQuery(ALL)
  useLayoutEffect(() => {
    if (opened?.corpus === undefined || !isWanted) return
    const id = ++lastId.current
    ask({ type: 'library', id, query: link.library })
    dispatch({ type: 'asked-library', id })
  }, [opened, isWanted, JSON.stringify(link.library)])

  const writing = state.writing?.id
  // However it ended on the page, nothing more must be written.
  useEffect(() => (writing === undefined ? undefined : () => ask({ type: 'stop', id: writing })), [writing])
  const writer = useMemo(
    (): Writer => ({
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
    }),
    [link, writing],
  )
  return { writer, without }
}

/** A worker that has been told what computes; null if the browser provides none, in which case `fail` has been told. */
function open(
  request: Request & { type: 'open' },
  answer: (answer: Answer) => void,
  fail: (failure: Failure) => void,
): Worker | null {
  try {
    const worker = startWorker(request.backend.name)
    worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => answer(data))
    worker.addEventListener('messageerror', () => fail(broken('an answer of the worker could not be read')))
    worker.addEventListener('error', (event) => {
      // The page reports it, so the console need not. What the worker still sends would undo the failure.
      event.preventDefault()
      worker.terminate()
      fail(broken(event.message || 'its script could not be loaded'))
    })
    worker.postMessage(request)
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
