// The whole page below its title: its state, its worker, its address.
import { html } from '../../lab/report/html.ts'
import { h, type VNode } from 'preact'
import { useCallback, useEffect, useLayoutEffect, useReducer, useRef } from 'preact/hooks'
import type { Sources } from '../sources-shape.ts'
import { SourcesContext } from './computed.ts'
import { useEngine, type Times } from './engine.ts'
import { LibrarySection } from './library.ts'
import { encodeLink, type Link } from './link.ts'
import { useKept } from './memo.ts'
import { NeuronContext } from './neuron-card.ts'
import { Results } from './results.ts'
import { Share } from './share.ts'
import {
  clampToken,
  phaseOf,
  reduce,
  startState,
  tokenShown,
  type Action,
  type Dispatch,
  type State,
} from './state.ts'
import { SuperpositionSection } from './superposition.ts'
import { TextPanel } from './text-panel.ts'
import type { ShownRun } from './text-run.ts'
import { tokens, TokenStrip } from './token-strip.ts'
import { Tour } from './tour.ts'
import { PairContext } from './two-texts.ts'
import { WhyContext } from './why-desk.ts'
import { WritingContext } from './writing.ts'

/** The whole page below its title. Data attributes of `root` tell tests and curious people what it is doing. */
export function App({ root, sources }: { root: HTMLElement; sources: Sources }): VNode {
  const [state, reduced] = useReducer(reduce, null, () => startState(location.hash))
  const times = useRef<Times>({ changed: performance.now(), asked: 0 }).current
  const dispatch = useCallback((action: Action) => {
    if (action.type === 'choose' || action.type === 'linked') times.changed = performance.now()
    reduced(action)
  }, [])
  const { link, run, hover, card, failure } = state
  // A text that the model cannot read does not go into a link.
  const shared = failure?.kind === 'text' && run !== null ? { ...link, text: run.text } : link
  const { writer, without } = useEngine(state, dispatch, times)
  useAddress(state.entry, shared, (hash) => dispatch({ type: 'linked', hash }))
  usePainted(run, times, dispatch)
  useLayoutEffect(() => say(root, state))

  const { feature, neuron, edit, compare, head, sampling } = link
  const token = tokenShown(state)
  const chosen = clampToken(run, link.token)
  // What an action does not change is not drawn again.
  const writing = useKept({ ...writer, writing: state.writing, edit, sampling, dispatch })
  const neurons = useKept({ run, neuron, open: state.neuron, edit, dispatch })
  const why = useKept({ run, token: chosen, choice: link.why, open: state.why, without, dispatch })
  const { text, other, patch } = link
  const { pair, patching } = state
  const table = useKept({ text, other, patch, head, feature, pair, patching, token, dispatch })
  return html`<${SourcesContext.Provider} value=${sources}>
    ${h(Tour, { run, dispatch })} ${h(TextPanel, { state, dispatch })}
    ${
      run !== null && [
        tokens(run),
        h(TokenStrip, {
          run,
          chosen,
          shown: token,
          marked: hover.feature ?? feature,
          edit,
          dispatch,
        }),
        html`<div class="results">
          <${WritingContext.Provider} value=${writing}>
            <${NeuronContext.Provider} value=${neurons}>
            <${WhyContext.Provider} value=${why}>
            <${PairContext.Provider} value=${table}>
              ${h(Results, { run, token, feature, neuron, edit, compare, head, card, progress: state.progress, dispatch })}
            </${PairContext.Provider}>
            </${WhyContext.Provider}>
            </${NeuronContext.Provider}>
          </${WritingContext.Provider}>
          ${h(LibrarySection, { opened: run.opened, query: link.library, library: state.library, open: feature, dispatch })}
          ${h(SuperpositionSection, { settings: link.toy, dModel: run.opened.config.dModel, dispatch })}
          ${h(Share, { run, link: shared })}
        </div>`,
      ]
    }
  </${SourcesContext.Provider}>`
}

/** Keeps address and page in step: choices go into the address, and a changed address into the page. Each click is an entry in the browser's history. */
function useAddress(entry: number, link: Link, linked: (hash: string) => void): void {
  const hash = `#${encodeLink(link)}`
  const before = useRef({ entry, hash })
  useEffect(() => {
    const last = before.current
    before.current = { entry, hash }
    if (entry !== last.entry && hash !== last.hash) {
      history.replaceState(null, '', last.hash) // what was typed since the last entry
      history.pushState(null, '', hash)
      return
    }
    // Browsers refuse an address that changes with every key.
    const timer = setTimeout(() => history.replaceState(null, '', hash), 300)
    return () => clearTimeout(timer)
  }, [entry, hash])
  useEffect(() => {
    const changed = (): void => linked(location.hash)
    addEventListener('popstate', changed) // also fired when a hash is typed
    return () => removeEventListener('popstate', changed)
  }, [])
}

/** Reports when a run has been painted: after the frame that draws it. */
function usePainted(run: ShownRun | null, times: Times, dispatch: Dispatch): void {
  useLayoutEffect(() => {
    if (run === null) return
    performance.measure('explorer:draw', 'explorer:end')
    requestAnimationFrame(() =>
      setTimeout(() => {
        const { duration } = performance.measure('explorer:run', { start: times.asked })
        dispatch({ type: 'painted', id: run.id, ms: duration })
      }),
    )
  }, [run])
}

function say(root: HTMLElement, state: State): void {
  const phase = phaseOf(state)
  root.dataset.state = phase
  root.dataset.runId = String(state.painted?.id ?? '')
  root.dataset.runMs = state.painted === null ? '' : state.painted.ms.toFixed(1)
  root.setAttribute('aria-busy', String(phase === 'loading' || phase === 'running'))
}
