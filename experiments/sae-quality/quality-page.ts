// The report of `npm run sae-quality`.
import type { VNode } from 'preact'
import { bars, histogram } from '../lab/report/charts.ts'
import { html } from '../lab/report/html.ts'
import { count, showNumber } from '../lab/report/numbers.ts'
import { chartDocument } from '../lab/report/page-node.ts'
import { renderReport, type Made } from '../lab/report/report-page.ts'
import { findingList, pictureOf, section } from '../lab/report/sections.ts'
import { dataTable, figure } from '../lab/report/tables.ts'
import { visible } from '../lab/report/tokens.ts'
import type { MeasuredSae } from './measure.ts'
import { CONVENTIONS, FORMULAS, keptRows, lostRows } from './summary.ts'

/** All that the report shows; nothing in it needs escaping. */
interface QualityReport extends Made {
  readonly saes: readonly MeasuredSae[]
}

const SECTIONS = [
  { name: 'What the SAEs keep', href: '#kept' },
  { name: 'What the model loses', href: '#lost' },
  { name: 'How often features fire', href: '#density' },
  { name: 'How it is computed', href: '#formulas' },
]
const BACKGROUND =
  'A sparse autoencoder rewrites the activation at one place of a model as a sum of a few of many directions. How few they are, and how ' +
  'much of the activation they rebuild, is one side of its quality. The other is whether the model can continue with what was ' +
  'rebuilt: its loss with the SAE in place is compared with its loss as it is, and with zeros or the mean there.'

/** The report as one self-contained HTML file. */
export function renderQualityReport({ saes, ...made }: QualityReport): string {
  const document = chartDocument()
  return renderReport({
    ...made,
    title: 'How good are the SAEs?',
    eyebrow: 'clearbox · SAE quality',
    background: BACKGROUND,
    sections: SECTIONS,
    picture: pictureOf(PICTURE, sharePanels(document, saes)),
    claims: section('conventions', 'Two conventions', findingList(Object.values(CONVENTIONS))),
    body: [
      section('kept', 'What the SAEs keep', tableOf('BOS left out; published: what their authors say', keptRows(saes))), // prettier-ignore
      section('lost', 'What the model loses', tableOf('Nats per token', lostRows(saes))),
      section(
        'density',
        'How often features fire',
        saes.map((sae) => densityFigure(document, sae)),
      ),
      section('formulas', 'How it is computed', findingList(FORMULAS)),
    ],
    footer: 'The same numbers are in results.json and quality.csv, beside this file.',
  })
}

const PICTURE =
  'One bar per SAE, from 0 to 1: how much of the variance it explains, and how much of the loss that zeros would cause is ' +
  'recovered with it in place, by either convention.'

function sharePanels(document: Document, saes: readonly MeasuredSae[]): VNode {
  const panels: [title: string, of: (sae: MeasuredSae) => number][] = [
    ['Explained variance', (sae) => sae.explained_variance],
    ['Loss recovered, clearbox', (sae) => sae.losses.clearbox.ce_recovered_of_zero],
    ['Loss recovered, SAELens', (sae) => sae.losses.saelens.ce_recovered_of_zero],
  ]
  const panel = ([title, of]: (typeof panels)[number]) => {
    const rows = saes.map((sae) => ({ label: shortName(sae.hook), value: Math.max(0, of(sae)) || 0 }))
    const description = saes.map((sae) => `${sae.hook} ${showNumber(of(sae))}`).join(', ')
    return html`<li>
      <b>${title}</b>
      ${bars(document, rows, Math.max(1, ...rows.map(({ value }) => value)), { title, description })}
    </li>`
  }
  return html`<ul class="panels">
    ${panels.map(panel)}
  </ul>`
}

/** `blocks.3.hook_resid_pre` as `3 resid_pre`: as much as a chart has room for. */
const shortName = (hook: string): string =>
  visible(hook.replace(/^blocks\./, '').replace(/\.(attn\.|ln2\.)?(hook_)?/, ' '))

function densityFigure(
  document: Document,
  { hook, density, d_sae, dead_features, tokens }: MeasuredSae,
): VNode {
  const { edges, counts } = density
  const alive = d_sae - dead_features
  const about = {
    title: `${hook}: features by how often they fire`,
    description: `From 10 to the power of ${edges[0]} of the tokens to all of them; ${count(alive, 'feature')} of ${d_sae} fire.`,
  }
  const share = (edge: number) => showNumber(10 ** edge)
  return figure(
    `${hook}: log10 of the share of the ${tokens} tokens on which a feature fires, to the right more often. ${dead_features} of ${d_sae} features never do.`,
    histogram(document, density, about),
    {
      caption: about.title,
      columns: ['Share of tokens from', 'to', 'Features'],
      rows: counts.map((number, i) => ({ head: share(edges[i]), cells: [share(edges[i + 1]), number] })),
    },
  )
}

function tableOf(caption: string, { head, rows }: ReturnType<typeof keptRows>): VNode {
  return dataTable({
    caption,
    columns: head,
    rows: rows.map(([name, ...cells]) => ({ head: name, cells })),
  })
}
