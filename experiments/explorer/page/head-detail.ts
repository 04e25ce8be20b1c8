// One head’s attention, large, with its tokens.
import { html } from '../../lab/report/html.ts'
import { h, type VNode } from 'preact'
import { useState } from 'preact/hooks'
import { colourScale } from '../../lab/report/tables.ts'
import { HeatCanvas, rowStyle } from './heat-canvas.ts'
import { offSwitch } from './edit-controls.ts'
import type { Link } from './link.ts'
import type { Change } from '../../lab/models/changes.ts'
import type { Dispatch } from './state.ts'
import { attentionRow, topKeys, type ShownRun } from './text-run.ts'
import type { Palette } from './palette.ts'
import { barList, showProbability, textToken, tokenName } from './parts.ts'
import { chipText } from './token-strip.ts'

export interface HeadProps {
  readonly run: ShownRun
  readonly token: number
  /** The head that is shown large. */
  readonly head: Link['head']
  readonly palette: Palette
  readonly edit: readonly Change[]
  readonly dispatch: Dispatch
}

/** A pair of tokens: the one that looks, and the one looked at. */
interface Pair {
  readonly query: number
  readonly key: number
}

/** How many names are legible beside rows and columns; of more tokens every second or third is named, with its position. */
const MOST_NAMED = 48
const SHOWN = 8

/** One head's pattern, large, and in words which keys the current token looks at. */
export function HeadDetail({ run, token, head: { layer, head }, palette, edit, dispatch }: HeadProps): VNode {
  const [pair, setPair] = useState<Pair | null>(null)
  const size = run.tokens.length
  const { attention } = run.layers[layer]
  const read = pair !== null && Math.max(pair.query, pair.key) < size ? pair : null
  const choose = (query: number): void => dispatch({ type: 'choose', choice: { token: query } })
  const key = (event: KeyboardEvent): void => {
    if (read === null) return
    const to = pairTarget(event.key, read, size)
    if (to !== undefined) setPair(to)
    else if (event.key === 'Enter') choose(read.query)
    else return
    event.preventDefault()
  }
  const rows = topKeys(run, layer, head, token, SHOWN).map(({ index, value }) => ({
    label: [textToken(run, index), html` <small>${index}</small>`],
    shown: showProbability(value),
    share: value,
  }))
  return html`<div class="head-detail">
    <figure class="pattern">
      <figcaption>
        Layer ${layer}, head ${head}.${' '}
        <span class="note" id="pair" role="status">${sentence(run, layer, head, read)}</span>
      </figcaption>
      ${axis(run, 'queries', read?.query)}
      <div
        id="pattern"
        class="plane"
        role="application"
        aria-roledescription="map"
        aria-label="Pattern of layer ${layer}, head ${head}. Arrow keys go from token to token, Enter chooses the one that looks"
        aria-describedby="pair"
        tabindex="0"
        onPointerMove=${(event: PointerEvent) => setPair(pairAt(event, size))}
        onPointerLeave=${() => setPair(null)}
        onFocus=${() => setPair(read ?? { query: token, key: topKeys(run, layer, head, token, 1)[0].index })}
        onBlur=${() => setPair(null)}
        onKeyDown=${key}
        onClick=${(event: PointerEvent) => choose(pairAt(event, size).query)}
      >
        ${h(HeatCanvas, { attention, head, size, palette })}
        <i class="row-mark" style=${rowStyle(token, size)}></i>
        ${read && pairMark(run, layer, head, read)}
      </div>
      ${axis(run, 'keys', read?.key)} ${colourScale('0 %', '100 % (square-root scale)')}
    </figure>
    <div>
      <p>Where head ${head} of layer ${layer} looks from ${textToken(run, token)}:</p>
      ${barList(rows, 'Looked at')}
      <button type="button" ...${offSwitch({ kind: 'head', layer, head }, edit, dispatch)}>
        Turn this head off
      </button>
    </div>
  </div>`
}

/** The tokens beside the rows, or under the columns; the list says the same to those who cannot see them. */
function axis(run: ShownRun, name: 'queries' | 'keys', read?: number): VNode {
  const size = run.tokens.length
  const step = Math.ceil(size / MOST_NAMED)
  const labels = run.tokens.flatMap(({ shown }, token) => {
    if (token % step > 0) return []
    const named = token === 0 ? 'BOS' : chipText(shown).trim()
    const cells = Math.min(step, size - token)
    const label = step === 1 ? named : cells === step && `${token} ${named}` // the last ones may have no room for it
    const isRead = read !== undefined && read >= token && read < token + cells
    return [html`<span class=${isRead && 'read'} style="flex-grow: ${cells}">${label}</span>`]
  })
  const dense = labels.length > MOST_NAMED / 2
  return html`<div class="${name} ${step > 1 && 'stepped'} ${dense && 'dense'}" aria-hidden="true">
    ${labels}
  </div>`
}

/** The pair under the pointer. */
function pairAt(event: PointerEvent, size: number): Pair {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect()
  const place = (offset: number, length: number): number =>
    Math.max(0, Math.min(size - 1, Math.floor((offset / length) * size)))
  return {
    query: place(event.clientY - box.top, box.height),
    key: place(event.clientX - box.left, box.width),
  }
}

/** The pair that a key press moves to; undefined if it moves nowhere. */
export function pairTarget(key: string, { query, key: at }: Pair, size: number): Pair | undefined {
  const within = (token: number): number => Math.max(0, Math.min(size - 1, token))
  const targets = {
    ArrowLeft: { query, key: within(at - 1) },
    ArrowRight: { query, key: within(at + 1) },
    ArrowUp: { query: within(query - 1), key: at },
    ArrowDown: { query: within(query + 1), key: at },
    Home: { query, key: 0 },
    End: { query, key: query },
  }
  return Object.hasOwn(targets, key) ? targets[key as keyof typeof targets] : undefined
}

/** The pair's square, and its number beside it. */
function pairMark(run: ShownRun, layer: number, head: number, { query, key }: Pair): VNode {
  const size = run.tokens.length
  const side = key > size / 2 ? 'before' : 'after'
  const share = key > query ? 'ahead' : showProbability(attentionRow(run, layer, head, query)[key])
  const style = `${rowStyle(query, size)}; left: ${(100 * key) / size}%; width: ${100 / size}%`
  return html`<i class="pair" style=${style} aria-hidden="true"><span class=${side}>${share}</span></i>`
}

function sentence(run: ShownRun, layer: number, head: number, pair: Pair | null): string {
  if (pair === null) return 'Point at a square to read it, or use the arrow keys.'
  const from = tokenName(run, pair.query)
  if (pair.key > pair.query) return `${from} cannot look ahead.`
  const share = attentionRow(run, layer, head, pair.query)[pair.key]
  return `${from} gives ${showProbability(share)} to ${tokenName(run, pair.key)}.`
}
