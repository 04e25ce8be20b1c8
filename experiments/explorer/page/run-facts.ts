import { html } from 'htm/preact'
import type { VNode } from 'preact'
import { count, showNumber } from '../../lab/report/numbers.ts'
import type { ShownRun } from './text-run.ts'
import { phaseOf, type State } from './state.ts'

/** What runs, and how long it takes; while it loads, how far it is. */
export function RunFacts({ state }: { state: State }): VNode {
  const { opened, run, painted, layersRead } = state
  const phase = phaseOf(state)
  return html`<div class="run">
    <p role="status" class=${phase === 'loading' || phase === 'failed' ? 'status' : 'sr'}>
      ${statusSentence(state)}
    </p>
    ${phase === 'loading' && progressBar(state)}
    ${opened?.notes.map((note) => html`<p class="note">${note}</p>`)}
    ${
      opened !== null &&
      run !== null &&
      html`<dl class="facts">
        <div>
          <dt>Runs</dt>
          <dd>${opened.mode}</dd>
        </div>
        <div>
          <dt>A reading</dt>
          <dd>${`${showMs(run.ms.total)} for ${count(run.tokens.length, 'token')}, BOS included`}</dd>
        </div>
        <div>
          <dt>A layer</dt>
          <dd>${layerTimes(run)}</dd>
        </div>
        <div>
          <dt>Key to picture</dt>
          <dd>${painted === null ? '–' : showMs(painted.ms)}</dd>
        </div>
      </dl>`
    }
    ${
      phase === 'running' &&
      layersRead !== null &&
      html`<p class="note">Layer ${layersRead} of ${opened?.config.nLayers} …</p>`
    }
  </div>`
}

/** For who cannot see the page: what it is doing, but not every key's outcome. */
export function statusSentence(state: State): string {
  const { progress } = state
  switch (phaseOf(state)) {
    case 'loading':
      return progress === null ? 'Starting …' : `Loading: ${progress.label} …`
    case 'failed':
      return 'Stopped; see the message below.'
    default:
      return `The model is loaded.`
  }
}

function progressBar({ progress }: State): VNode {
  const known = progress !== null && progress.total > 0
  return html`<progress
    aria-label="Loading the model"
    max="1"
    value=${known ? progress.done / progress.total : undefined}
  ></progress>`
}

/** The least and the most that a layer took, with its SAE and its lens. */
export function layerTimes({ layers }: ShownRun): string {
  const times = layers.map(({ ms }) => ms.block + ms.sae + ms.lens)
  return `${showMs(Math.min(...times))} to ${showMs(Math.max(...times))}`
}

export function showMs(ms: number): string {
  return `${showNumber(Number(ms.toPrecision(2)))} ms`
}
