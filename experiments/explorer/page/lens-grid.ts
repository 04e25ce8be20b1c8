// The logit lens of every layer at every token, as a grid.
import { html } from '../../lab/report/html.ts'
import { levelClass } from '../../lab/report/tables.ts'
import type { VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { attentionStep } from './heat-canvas.ts'
import { showProbability, tokenName, vocabularyName } from './parts.ts'
import type { Dispatch } from './state.ts'
import { topAt, type ShownRun } from './text-run.ts'
import { chipText } from './token-strip.ts'

interface Props {
  readonly run: ShownRun
  readonly token: number
  readonly dispatch: Dispatch
}

/** A cell: the guess after a layer, at a token. */
interface Place {
  readonly layer: number
  readonly token: number
}

/** Drawn only while it is in sight: hundreds of cells are too many for every key press. */
export function LensGrid(props: Props): VNode {
  const frame = useRef<HTMLDivElement>(null)
  const [seen, setSeen] = useState(false)
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => setSeen(entries.some((one) => one.isIntersecting)))
    if (frame.current !== null) observer.observe(frame.current)
    return () => observer.disconnect()
  }, [])
  return html`<div class="lens-grid" ref=${frame}>
    <h3>When does it settle on a guess, at every token?</h3>
    ${seen && html`<${Grid} ...${props} />`}
  </div>`
}

/** One stop for the Tab key; the arrow keys move from cell to cell. */
export function Grid({ run, token, dispatch }: Props): VNode {
  const table = useRef<HTMLTableElement>(null)
  const [read, setRead] = useState<Place | null>(null)
  const last: Place = { layer: run.layers.length - 1, token }
  const place = read !== null && read.token < run.tokens.length ? read : last
  const choose = (chosen: number): void => dispatch({ type: 'choose', choice: { token: chosen } })
  const key = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' || event.key === ' ') choose(place.token)
    const to = gridTarget(event.key, place, run)
    if (to !== undefined) cellAt(table.current, to)?.focus()
    if (to !== undefined || event.key === 'Enter' || event.key === ' ') event.preventDefault()
  }
  const cell = (layer: number, position: number): VNode => {
    const [guess] = topAt(run.layers[layer].lens, position)
    const name = vocabularyName(run, guess.index)
    const here = place.layer === layer && place.token === position
    const read = (): void => setRead({ layer, token: position })
    return html`<td
      role="gridcell"
      class=${levelClass(attentionStep(guess.value))}
      tabindex=${here ? 0 : -1}
      data-layer=${layer}
      data-position=${position}
      aria-label="Layer ${layer}, ${tokenName(run, position)}: ${name} ${showProbability(guess.value)}"
      onFocus=${read}
      onMouseEnter=${read}
      onClick=${() => choose(position)}
    >
      ${chipText(run.names.get(guess.index) ?? '')}
    </td>`
  }
  return html`<div>
    <div class="scroll" role="region" aria-label="Guesses after every layer, at every token" tabindex="0">
      <table role="grid" ref=${table} onKeyDown=${key} aria-label="Likeliest token by layer and position">
        <thead>
          <tr>
            <th scope="col">after layer</th>
            ${run.tokens.map(
              ({ shown }, position) =>
                html`<th scope="col" class=${position === token && 'chosen'}>
                  ${position === 0 ? 'BOS' : chipText(shown)}
                </th>`,
            )}
          </tr>
        </thead>
        <tbody>
          ${run.layers.map(
            (_, layer) =>
              html`<tr>
                <th scope="row">${layer}</th>
                ${run.tokens.map((_, position) => cell(layer, position))}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p class="note" role="status">${inWords(run, place)}</p>
    <p class="note">
      The stronger the colour, the more likely (square-root scale). Point at a cell, or use the arrow keys,
      for the guesses; click, or press Enter, to choose its token.
    </p>
  </div>`
}

/** The cell that a key press moves to; undefined if it moves nowhere. */
export function gridTarget(key: string, { layer, token }: Place, run: ShownRun): Place | undefined {
  const [layers, tokens] = [run.layers.length - 1, run.tokens.length - 1]
  const targets = {
    ArrowLeft: { layer, token: Math.max(0, token - 1) },
    ArrowRight: { layer, token: Math.min(tokens, token + 1) },
    ArrowUp: { layer: Math.max(0, layer - 1), token },
    ArrowDown: { layer: Math.min(layers, layer + 1), token },
    Home: { layer, token: 0 },
    End: { layer, token: tokens },
  }
  return Object.hasOwn(targets, key) ? targets[key as keyof typeof targets] : undefined
}

function cellAt(table: HTMLTableElement | null, { layer, token }: Place): HTMLElement | null {
  return table?.querySelector(`[data-layer="${layer}"][data-position="${token}"]`) ?? null
}

function inWords(run: ShownRun, { layer, token }: Place): string {
  const guesses = topAt(run.layers[layer].lens, token).map(
    ({ index, value }) => `${vocabularyName(run, index)} ${showProbability(value)}`,
  )
  return `After layer ${layer}, at ${tokenName(run, token)} (${token}): ${guesses.join(', ')}.`
}
