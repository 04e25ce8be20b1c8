// Which heads, features and neurons speak for the token, and what the logit loses without them.
import { html } from '../../lab/report/html.ts'
import { count, showNumber } from '../../lab/report/numbers.ts'
import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { Change } from '../../lab/models/changes.ts'
import type { Why } from '../protocol.ts'
import { thingOf } from './change-words.ts'
import { unfold } from './fold.ts'
import { featureName, tokenName } from './parts.ts'
import type { OpenWhy } from './state.ts'
import { effectList, type Effect } from './why-parts.ts'
import type { WhyDesk } from './why-desk.ts'

/** Rows of a list; this many parts of each are taken out, one after another. */
const SHOWN = 12

const ORDERS = { effect: 'By effect', activation: 'By activation', ablation: 'By ablation' } as const
export type Order = keyof typeof ORDERS

/** A part that can be taken out, with everything that it can be sorted by. */
interface Part {
  readonly change: Change
  readonly effect: number
  readonly activation: number | null
  /** The token because of which a head says it. */
  readonly source: number | null
}

export interface Lists {
  readonly heads: readonly Part[]
  readonly features: readonly Part[]
  readonly neurons: readonly Part[]
}

/** Everything that is listed, unsorted. */
function listsOf({ layers, saes, neurons }: Why): Lists {
  return {
    heads: layers.flatMap(({ heads, sources }, layer) =>
      heads.map((effect, head): Part => ({
        ...{ change: { kind: 'head', layer, head }, effect, activation: null },
        source: strongest(sources[head]),
      })),
    ),
    features: saes.flatMap(({ layer, entries }) =>
      entries.map(({ feature, activation, effect }): Part => ({
        ...{ change: { kind: 'off', layer, feature }, effect, activation, source: null },
      })),
    ),
    neurons: neurons.map(({ layer, neuron, effect }): Part => ({
      ...{ change: { kind: 'neuron', layer, neuron }, effect, activation: null, source: null },
    })),
  }
}

/** The first few of a list, by size; parts without a number of this kind come last, by their effect. */
function sorted(parts: readonly Part[], order: Order, losses: ReadonlyMap<string, number>): readonly Part[] {
  const by = (part: Part): number | null =>
    ({
      effect: part.effect,
      activation: part.activation,
      ablation: losses.get(thingOf(part.change)) ?? null,
    })[order]
  const size = (value: number | null): number => (value === null ? -1 : Math.abs(value))
  return parts
    .toSorted((a, b) => size(by(b)) - size(by(a)) || Math.abs(b.effect) - Math.abs(a.effect))
    .slice(0, SHOWN)
}

/** The strongest of each list, to be taken out. */
function toTakeOut(lists: Lists): Change[] {
  const none = new Map<string, number>()
  return [lists.heads, lists.features, lists.neurons].flatMap((parts) =>
    sorted(parts, 'effect', none).map(({ change }) => change),
  )
}

interface Props extends Pick<WhyDesk, 'run' | 'without' | 'dispatch'> {
  readonly open: OpenWhy
  readonly why: Why
}

export function WhyLists({ run, open, why, without, dispatch }: Props): VNode {
  const [order, setOrder] = useState<Order>('effect')
  const lists = listsOf(why)
  const losses = new Map(open.losses.map(({ change, loss }) => [thingOf(change), loss]))
  const shown = (parts: readonly Part[]) =>
    sorted(parts, order, losses).map((part) => effectOf({ run, dispatch }, part, losses))
  const columns = [
    ['Heads', shown(lists.heads), 'the token it says so for, most'],
    ['Features', shown(lists.features), 'its activation here'],
    ['Neurons', shown(lists.neurons), ''],
  ] as const
  const all = columns.flatMap(([, effects]) => effects.flatMap(({ effect, loss }) => [effect, loss ?? 0]))
  const most = Math.max(...all.map(Math.abs))
  const choose = (name: Order): void => {
    setOrder(name)
    if (name === 'ablation' && open.wanted === 0) without(toTakeOut(lists))
  }
  return html`<div>
    <p class="examples" role="group" aria-label="How the parts are sorted">
      <span>Sort</span>
      ${(Object.keys(ORDERS) as Order[]).map(
        (name) =>
          html`<button type="button" aria-pressed=${name === order} onClick=${() => choose(name)}>
            ${ORDERS[name]}
          </button>`,
      )}
      <span role="status">${progress(open)}</span>
    </p>
    <div class="effect-columns">
      ${columns.map(([name, effects, note]) => column(name, effects, most, note))}
    </div>
    <p class="note">
      Bars to the right favour the token; bars to the left count against it. Features are those that fire on
      the token at hand, each from its own layer’s SAE. By ablation: what the logit loses when the part is off
      at every token and all later layers respond (the thin bar); the strongest ${SHOWN} of each list by
      effect are tried.
    </p>
  </div>`
}

function column(name: string, effects: readonly Effect[], most: number, note: string): VNode {
  return html`<div>
    <h3>${name}${note !== '' && effects.length > 0 && html` <small>${note}</small>`}</h3>
    ${effects.length === 0 ? html`<p class="note">None fires here.</p>` : effectList(effects, most, name)}
  </div>`
}

function progress({ wanted, losses }: OpenWhy): string {
  if (wanted === 0) return ''
  return losses.length < wanted
    ? `${losses.length} of ${wanted} taken out …`
    : `${count(wanted, 'part')} taken out, one at a time.`
}

function effectOf(
  { run, dispatch }: Pick<WhyDesk, 'run' | 'dispatch'>,
  part: Part,
  losses: ReadonlyMap<string, number>,
): Effect {
  const { change, effect, activation, source } = part
  const { layer } = change
  const name = thingOf(change)
  const common = { key: name, effect, loss: losses.get(name) ?? null }
  switch (change.kind) {
    case 'head': {
      const head = { layer, head: change.head }
      const open = (): void => {
        dispatch({ type: 'choose', choice: { head } })
        unfold('attention')
        document.getElementById('pattern')?.focus()
      }
      const note = source === null ? '' : html`<code>${tokenName(run, source)}</code>`
      return { ...common, label: `L${layer} head ${change.head}`, note, open }
    }
    case 'neuron': {
      const neuron = { layer, neuron: change.neuron }
      const open = (): void => {
        unfold('mlp')
        dispatch({ type: 'choose', choice: { neuron } })
      }
      return { ...common, label: `L${layer} neuron ${change.neuron}`, note: '', open }
    }
    default: {
      const feature = { layer, feature: change.feature }
      const open = (): void => dispatch({ type: 'choose', choice: { feature } })
      const label = html`L${layer}${' '}${featureName(run.opened, layer, change.feature)}`
      return { ...common, label, note: showNumber(activation), open }
    }
  }
}

function strongest(values: Float64Array): number {
  return values.reduce((best, value, i) => (Math.abs(value) > Math.abs(values[best]) ? i : best), 0)
}
