// What differs between two texts: features, attention, logits.
import { html } from '../../lab/report/html.ts'
import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import { levelOf, showNumber, showSigned } from '../../lab/report/numbers.ts'
import { dataTable } from '../../lab/report/tables.ts'
import { showToken } from '../../lab/report/tokens.ts'
import type { FeatureRef } from '../../lab/models/changes.ts'
import type { LogitPair, PairLogits, SparseFeatures } from '../protocol.ts'
import type { Link } from './link.ts'
import { barList, featureName, layerColumns, noSae, showProbability, tokenName } from './parts.ts'
import type { Beside } from './pair-state.ts'
import type { Dispatch } from './state.ts'
import { attentionRow, featuresAt, type Entry, type ShownRun } from './text-run.ts'

const SHOWN = 5

/** Features that fire in one text and not in the other: at the current token, or anywhere in the text. */
export function FeaturesApart({
  beside: { own, run, at },
  open,
  dispatch,
}: {
  beside: Beside
  open: FeatureRef | null
  dispatch: Dispatch
}): VNode {
  const [anywhere, setAnywhere] = useState(false)
  const everywhere = anywhere || at.other === null || at.text === null
  const found = (of: ShownRun, layer: number, position: number | null): Entry[] =>
    everywhere ? strongestOfEach(of.layers[layer].features) : featuresAt(of.layers[layer].features, position!)
  return html`<h3>Which features fire in one and not in the other?</h3>
    <p class="examples" role="group" aria-label="Where features are compared">
      ${[false, true].map(
        (all) =>
          html`<button
            type="button"
            aria-pressed=${everywhere === all}
            disabled=${!all && at.other === null}
            onClick=${() => setAnywhere(all)}
          >
            ${all ? 'Anywhere in the texts' : 'At this token'}
          </button>`,
      )}
    </p>
    ${layerColumns(own, 'Features of one text alone, layer by layer', (layer) => {
      if (own.opened.saes[layer].dSae === 0) return noSae
      const [mine, others] = [found(own, layer, at.text), found(run, layer, at.other)]
      const list = (name: string, entries: readonly Entry[], without: readonly Entry[]) => {
        const has = new Set(without.map(({ index }) => index))
        const alone = entries.filter(({ index }) => !has.has(index))
        const scale = Math.max(...entries.map(({ value }) => value), ...without.map(({ value }) => value))
        return html`<h4>${name}: ${alone.length}</h4>
          ${barList(
            alone.slice(0, SHOWN).map(({ index, value }) => ({
              label: featureName(own.opened, layer, index),
              shown: showNumber(value),
              share: value / scale,
              key: index,
              button: {
                'aria-pressed': open?.layer === layer && open.feature === index,
                onClick: () => dispatch({ type: 'choose', choice: { feature: { layer, feature: index } } }),
              },
            })),
            `${name}, layer ${layer}`,
          )}`
      }
      return [list('Only yours', mine, others), list('Only the other', others, mine)]
    })}
    <p class="note">The strongest first; a click opens the card. All others fire in both, or in neither.</p>`
}

/** Each feature's strongest activation on any token but BOS, the strongest first. */
function strongestOfEach({ offsets, indices, values }: SparseFeatures): Entry[] {
  const most = new Map<number, number>()
  for (let i = offsets[1]; i < values.length; i++)
    most.set(indices[i], Math.max(most.get(indices[i]) ?? 0, values[i]))
  return [...most].map(([index, value]) => ({ index, value })).sort((a, b) => b.value - a.value)
}

/** How far apart each head's attention from the current token is, and where the chosen head looks in both texts. */
export function AttentionApart({
  beside,
  head: { layer, head },
  dispatch,
}: {
  beside: Beside
  head: Link['head']
  dispatch: Dispatch
}): VNode {
  const { own } = beside
  const { nHeads } = own.opened.config
  const heads = Array.from({ length: nHeads }, (_, i) => i)
  return html`<h3>Which heads look elsewhere?</h3>
    <p class="note">
      How much of a head’s attention goes to different tokens from those in the other text: 0 % is the same,
      100 % nothing in common.
    </p>
    <div class="sides">
      ${dataTable({
        caption: 'Attention that goes elsewhere, by layer and head',
        columns: ['Layer', ...heads.map((i) => `Head ${i}`)],
        rows: own.layers.map((_, row) => ({
          head: row,
          cells: heads.map((column) => {
            const moved = attentionMoved(looks(beside, row, column))
            const choose = (): void =>
              dispatch({ type: 'choose', choice: { head: { layer: row, head: column } } })
            return {
              content: html`<button
                type="button"
                class="plain"
                aria-label=${`Layer ${row}, head ${column}: ${showProbability(moved)}`}
                aria-pressed=${row === layer && column === head}
                onClick=${choose}
              >
                ${showProbability(moved)}
              </button>`,
              level: levelOf(moved, 1),
            }
          }),
        })),
      })}
      ${dataTable({
        caption: `Where head ${head} of layer ${layer} looks, most different first`,
        columns: ['Token', 'Yours', 'The other', 'Difference'],
        rows: looks(beside, layer, head)
          .sort((a, b) => Math.abs(b.other - b.text) - Math.abs(a.other - a.text))
          .slice(0, SHOWN)
          .map(({ name, text, other }) => ({
            head: html`<code>${name}</code>`,
            cells: [
              showProbability(text),
              showProbability(other),
              { content: `${showSigned(100 * (other - text), 1)}`, level: levelOf(other - text, 1) },
            ],
          })),
      })}
    </div>`
}

/** A column of both texts that a head can look at, and how much of its attention it gets. */
interface Look {
  readonly name: string
  readonly text: number
  readonly other: number
}

/** How a head's attention from the current tokens is distributed over the columns. */
function looks({ own, run, columns, at }: Beside, layer: number, head: number): Look[] {
  const mine = attentionRow(own, layer, head, at.text!)
  const others = attentionRow(run, layer, head, at.other!)
  return columns.flatMap(({ text, other, same }) => {
    const [a, b] = [text === null ? undefined : mine[text], other === null ? undefined : others[other]]
    if (a === undefined && b === undefined) return []
    const names = [text !== null && tokenName(own, text), other !== null && !same && tokenName(run, other)]
    return [{ name: names.filter(Boolean).join(' / '), text: a ?? 0, other: b ?? 0 }]
  })
}

/** The share of attention that goes elsewhere: half the sum of all differences. */
function attentionMoved(all: readonly Pick<Look, 'text' | 'other'>[]): number {
  return all.reduce((sum, { text, other }) => sum + Math.abs(other - text), 0) / 2
}

/** Two digits after the point, without a plus sign. */
export function showLogit(logit: number): string {
  return logit.toFixed(2).replace('-', '−')
}

/** The next token's logits after both tokens. */
export function LogitsApart({
  logits: { likely, moved },
  names,
  beside: { own },
}: {
  logits: PairLogits
  names: ReadonlyMap<number, string>
  beside: Beside
}): VNode {
  const table = (caption: string, all: readonly LogitPair[]): VNode => {
    const most = Math.max(...[...likely, ...moved].map(({ text, other }) => Math.abs(other - text)))
    return dataTable({
      caption,
      columns: ['Next token', 'Yours', 'The other', 'Difference'],
      rows: all.map(({ id, text, other }) => ({
        head: html`<code>${showToken(names.get(id) ?? String(id))}</code>`,
        cells: [
          showLogit(text),
          showLogit(other),
          { content: showSigned(other - text, 2), level: levelOf(other - text, most) },
        ],
      })),
    })
  }
  const byMove = [...likely].sort((a, b) => Math.abs(b.other - b.text) - Math.abs(a.other - a.text))
  return html`<h3>How far apart are the logits of the next token?</h3>
    <div class="sides">
      ${table('The likeliest after either, most different first', byMove)}
      ${table(`Of all ${own.opened.config.dVocab} tokens: most raised, then most lowered`, moved)}
    </div>`
}
