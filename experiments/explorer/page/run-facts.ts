// What runs, and how long it takes; while it loads, how far it has got.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { count, showNumber } from '../../lab/report/numbers.ts'
import type { ShownRun } from './text-run.ts'
import { phaseOf, type State } from './state.ts'

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
      facts([
        ['Runs', opened.mode],
        ['A reading', `${showMs(run.ms.total)} for ${count(run.tokens.length, 'token')}, BOS included`],
        ['A layer', layerTimes(run)],
        ['Key to picture', painted === null ? '–' : showMs(painted.ms)],
      ])
    }
    ${
      phase === 'running' &&
      layersRead !== null &&
      html`<p class="note">Layer ${layersRead} of ${opened?.config.nLayers} …</p>`
    }
  </div>`
}

function facts(all: readonly (readonly [name: string, fact: string])[]): VNode {
  const rows = all.map(
    ([name, fact]) =>
      html`<div>
        <dt>${name}</dt>
        <dd>${fact}</dd>
      </div>`,
  )
  return html`<dl class="facts">${rows}</dl>`
}

/** For those who cannot see the page: what it is doing, but not the result of every key press. */
function statusSentence(state: State): string {
  const { progress } = state
  switch (phaseOf(state)) {
    case 'loading':
      return progress === null ? 'Starting …' : `Loading: ${progress.label} …`
    case 'failed':
      return 'See the message below the text.'
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

/** The shortest and the longest time that a layer took, with its SAE and its lens. */
function layerTimes({ layers }: ShownRun): string {
  const times = layers.map(({ ms }) => ms.block + ms.sae + ms.lens)
  return `${showMs(Math.min(...times))} to ${showMs(Math.max(...times))}`
}

function showMs(ms: number): string {
  return `${showNumber(Number(ms.toPrecision(2)))} ms`
}
