// Activation patching: what one text's activations do in the other, place by place.
import { html } from '../../lab/report/html.ts'
import type { ComponentChildren, VNode } from 'preact'
import { levelOf, showShare, showSigned } from '../../lab/report/numbers.ts'
import { colourScale, dataTable } from '../../lab/report/tables.ts'
import { showToken } from '../../lab/report/tokens.ts'
import type { Patch, PatchedRow, Patching } from '../protocol.ts'
import type { ShownPair, ShownPatching } from './pair-state.ts'
import { thenFocus, tokenName, valueOf } from './parts.ts'
import type { Dispatch } from './state.ts'
import { showLogit } from './two-differences.ts'
import { topAt, type ShownRun } from './text-run.ts'

type Read = Extract<ShownPair, { own: ShownRun }>

interface Props {
  readonly pair: Read
  readonly patch: Patch | null
  readonly patching: ShownPatching | null
  readonly dispatch: Dispatch
}

const SITES: Readonly<Record<Patch['site'], string>> = {
  hook_resid_pre: 'the residual stream into each layer',
  hook_attn_out: 'what attention adds',
  hook_mlp_out: 'what the MLP adds',
  'attn.hook_z': 'each head’s output',
}
const DIRECTIONS: Readonly<Record<Patch['into'], string>> = {
  other: 'from yours into the other',
  text: 'from the other into yours',
}
const USUAL: Patch = { site: 'hook_resid_pre', into: 'other', target: null, against: null }
const STRONGEST = 3

export function PatchGrid({ pair, patch, patching, dispatch }: Props): VNode {
  const choose = (chosen: Patch | null) => dispatch({ type: 'choose', choice: { patch: chosen } })
  const start = thenFocus(() => choose(USUAL), '.patching select')
  return html`<h3>Which place makes the difference?</h3>
    <p>
      Activation patching: one text is read again and again, each time with the other’s activation put in at
      one layer and token alone. Where that moves the next token’s logit, the model keeps what makes the
      difference.
    </p>
    ${
      patch === null
        ? html`<p class="examples">
            <button type="button" id="patch" onClick=${start}>Patch every place</button>
          </p>`
        : [controls(pair, patch, choose), patching && outcome(pair, patch, patching)]
    }`
}

function controls({ own, run, names }: Read, patch: Patch, choose: (patch: Patch | null) => void): VNode {
  const select = (
    label: string,
    value: string,
    options: readonly (readonly [string, string])[],
    take: (value: string) => void,
  ) =>
    html`<label
      >${label}${' '}
      <select value=${value} onChange=${(event: Event) => take(valueOf(event))}>
        ${options.map(([key, words]) => html`<option value=${key} selected=${key === value}>${words}</option>`)}
      </select>
    </label>`
  const ids = new Set(
    [own, run].flatMap((of) => topAt(of.next, of.tokens.length - 1).map(({ index }) => index)),
  )
  for (const id of [patch.target, patch.against]) if (id !== null) ids.add(id)
  const name = (id: number) =>
    showToken(own.names.get(id) ?? run.names.get(id) ?? names.get(id) ?? `token ${id}`)
  const tokens = [...ids].map((id) => [String(id), name(id)] as const)
  const idOf = (value: string) => (value === '' ? null : Number(value))
  return html`<p class="choosers patching">
    ${select('Put', patch.site, Object.entries(SITES), (site) => choose({ ...patch, site: site as Patch['site'] }))}
    ${select('Direction', patch.into, Object.entries(DIRECTIONS), (into) => choose({ ...patch, into: into as Patch['into'] }))}
    ${select(
      'Logit of',
      String(patch.target ?? ''),
      [['', 'the likeliest where it comes from'], ...tokens],
      (id) =>
        choose({ ...patch, target: idOf(id), against: patch.against === idOf(id) ? null : patch.against }),
    )}
    ${select(
      'less that of',
      String(patch.against ?? ''),
      [['', 'none'], ...tokens.filter(([id]) => id !== String(patch.target ?? ''))],
      (id) => choose({ ...patch, against: idOf(id) }),
    )}
    <button type="button" onClick=${thenFocus(() => choose(null), '#patch')}>Stop and close</button>
  </p>`
}

function outcome(pair: Read, patch: Patch, { start, rows, failure }: ShownPatching): ComponentChildren {
  if (failure !== null)
    return html`<p class="notice" role="alert">${`${failure.message} ${failure.advice}`}</p>`
  if (start === null) return html`<p class="note" role="status">Patching …</p>`
  const done = rows.length === start.rows
  return [
    html`<p>${premise(start)}</p>`,
    !done &&
      html`<p class="note">
        <progress aria-label="Patching" max=${start.rows} value=${rows.length}></progress> ${rows.length} of
        ${start.rows} rows
      </p>`,
    grid(pair, patch, start, rows),
    html`<p role="status">${done && strongest(pair, patch, start, rows)}</p>`,
  ]
}

function quantity({ target, against, names }: Patching): string {
  const name = (id: number) => showToken(names.get(id) ?? String(id))
  return `the logit of ${name(target)}${against === null ? '' : ` less that of ${name(against)}`}`
}

function premise(start: Patching): string {
  return (
    `After the last token ${quantity(start)} is ${showLogit(start.before)} in the receiving text, and ` +
    `${showLogit(start.source)} in the other. Each number shows by how much it rises when one place is patched.`
  )
}

/** The text that receives the activations. */
const receiver = ({ own, run }: Read, { into }: Patch): ShownRun => (into === 'other' ? run : own)

const rowName = ({ layer, head }: PatchedRow): string =>
  head === null ? `Layer ${layer}` : `Layer ${layer}, head ${head}`

function grid(pair: Read, patch: Patch, { places }: Patching, rows: readonly PatchedRow[]): VNode {
  const text = receiver(pair, patch)
  const most = Math.max(0, ...rows.flatMap(({ effects }) => effects.map(Math.abs)))
  return html`<div class="patch-grid">
    ${dataTable({
      caption: `What ${SITES[patch.site]} does, put ${DIRECTIONS[patch.into]}`,
      columns: ['Put at', ...places.map(({ into }) => tokenName(text, into))],
      rows: rows.map((row) => ({
        head: rowName(row),
        cells: row.effects.map((effect) => ({
          content: showSigned(effect, 2),
          level: levelOf(effect, most),
        })),
      })),
    })}
    ${rows.length > 0 && colourScale('0', showSigned(most, 2), showSigned(-most, 2))}
  </div>`
}

/** The places that matter most, in words. */
function strongest(
  pair: Read,
  patch: Patch,
  { places, before, source }: Patching,
  rows: readonly PatchedRow[],
): string {
  const text = receiver(pair, patch)
  const all = rows.flatMap((row) => row.effects.map((effect, i) => ({ row, effect, place: places[i] })))
  const named = all
    .sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect))
    .slice(0, STRONGEST)
    .map(
      ({ row, effect, place }) =>
        `${rowName(row).toLowerCase()} at ${tokenName(text, place.into)} (${showSigned(effect, 2)}` +
        `${Math.abs(source - before) < 0.01 ? '' : `, ${showShare(effect / (source - before))} of the way`})`,
    )
  return `The largest effects: ${named.join('; ')}.`
}
