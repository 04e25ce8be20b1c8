// The report of `npm run attribute`.
import type { VNode } from 'preact'
import { html } from '../lab/report/html.ts'
import { scaledHeatmap, type Grid } from '../lab/report/charts.ts'
import { levelOf, shorten, showNumber, showSigned } from '../lab/report/numbers.ts'
import { chartDocument } from '../lab/report/page-node.ts'
import { renderReport, type Made } from '../lab/report/report-page.ts'
import { scatter } from '../lab/report/scatter.ts'
import { findingList, pictureOf, section } from '../lab/report/sections.ts'
import { dataTable, figure, noted, type DataTable } from '../lab/report/tables.ts'
import { namedFeature, showToken, visible } from '../lab/report/tokens.ts'
import { findings, showAgreement, showEffect } from './answer.ts'
import { METHODS, type Method } from './methods.ts'
import { PATCHED } from '../lab/analysis/intervene.ts'
import type { Patching } from './patching.ts'
import { agreementGrid, sourcesByLayer, type AttributionResults } from './results.ts'

/** All that the report shows; nothing in it needs escaping. */
interface AttributionReport extends Made {
  readonly results: AttributionResults
  readonly top: number
  readonly sort: Method
}

const BACKGROUND =
  'A logit is read from the residual stream of the last token, and the stream is a sum: what the embedding put there, and what ' +
  'each layer’s attention and MLP added. So a logit is a sum of shares, once the final LayerNorm’s scale is held fixed. A share is ' +
  'what a part contributes directly. A part also acts through later layers. That is measured by taking it out, or by putting another ' +
  'text’s activation in its place, and estimated from gradients, which cost one pass for all parts together. Comparing the estimate ' +
  'with what was measured shows how far it can be trusted.'

/** The report as one self-contained HTML file. */
export function renderAttributionReport({ results, top, sort, ...made }: AttributionReport): string {
  const document = chartDocument()
  const { features, patching } = results
  const sections = [
    { name: 'Directly', href: '#direct' },
    ...(features.length > 0 ? [{ name: 'Features', href: '#features' }] : []),
    ...(patching ? [{ name: 'Patching', href: '#patching' }] : []),
    { name: 'Estimated and measured', href: '#agreement' },
  ]
  return renderReport({
    ...made,
    title: `Why ${showToken(results.target)}?`,
    eyebrow: 'clearbox · attribution',
    background: BACKGROUND,
    sections,
    picture: pictureOf(
      'What each layer contributes to it directly: its attention, head by head, and its MLP.',
      directFigure(document, results),
    ),
    claims: section('findings', 'What was found', findingList(findings(results).map(visible))),
    body: [
      directSection(document, results),
      features.length > 0 && featureSection(document, results, top, sort),
      patching && patchingSection(document, results, patching),
      agreementSection(results),
    ],
    footer: `The same numbers, and those of all heads, neurons and features, are in results.json and ${patching ? 'direct.csv, sources.csv, features.csv and patching.csv' : 'direct.csv, sources.csv and features.csv'}, beside this file.`,
  })
}

/** A grid as a heatmap, and as a table. */
function gridFigure(document: Document, caption: string, grid: Grid): VNode {
  const table: DataTable = {
    caption,
    columns: ['', ...grid.columns],
    rows: grid.rows.map((head, r) => ({ head, cells: grid.values[r].map(showEffect) })),
  }
  const about = {
    title: caption,
    description: `${grid.rows.length} rows and ${grid.columns.length} columns; the table below has the numbers.`,
  }
  return figure(
    caption,
    scaledHeatmap(document, grid, about, (value) => showSigned(value ?? 0, 2)),
    table,
  )
}

function directFigure(document: Document, { parts, heads }: AttributionResults): VNode {
  const layers = [...Map.groupBy(heads, ({ layer }) => layer)]
  const share = (hook: string) => parts.find((part) => part.hook === hook)!.share
  return gridFigure(document, 'Direct attribution, in logits', {
    rows: layers.map(([layer]) => `blocks.${layer}`),
    columns: ['attn_out', ...layers[0][1].map(({ head }) => `head ${head}`), 'mlp_out'],
    values: layers.map(([layer, ofLayer]) => [
      share(`blocks.${layer}.hook_attn_out`),
      ...ofLayer.map((head) => head.share),
      share(`blocks.${layer}.hook_mlp_out`),
    ]),
  })
}

const tokenNames = (pieces: readonly string[]): string[] =>
  pieces.map((piece, token) => (token === 0 ? 'BOS' : shorten(showToken(piece), 12)))

function directSection(document: Document, results: AttributionResults): VNode {
  const { parts, neurons, saes, clean } = results
  const layers = sourcesByLayer(results)
  const shares = (caption: string, rows: readonly { hook: string; share: number }[], extra = '') =>
    dataTable({
      caption,
      columns: ['hook', 'share'],
      rows: rows.map((row) => ({
        head:
          extra && extra in row
            ? `${row.hook}, ${extra} ${String(row[extra as keyof typeof row])}`
            : row.hook,
        cells: [showEffect(row.share)],
      })),
    })
  return section('direct', 'What parts say directly', [
    html`<p>
      Shares of ${visible(results.explained)} after the last token, in logits, with the final LayerNorm’s
      scale frozen. A head’s share does not include the bias of its layer’s c_proj, which belongs to no head.
    </p>`,
    gridFigure(document, 'What heads say because they look at a token, all heads of a layer', {
      rows: layers.map((_, layer) => `blocks.${layer}`),
      columns: tokenNames(clean),
      values: layers,
    }),
    shares('All that adds up to the number', parts),
    shares('The strongest neurons', neurons.slice(0, 10), 'neuron'),
    saes.length > 0 &&
      dataTable({
        caption:
          'The stream at each SAE’s hook, at the last token: its features, its biases, and what it does not rebuild',
        columns: ['hook', 'features', 'biases', 'SAE error', 'together'],
        rows: saes.map(({ hook, features, bias, error, sum }) => ({
          head: hook,
          cells: [features, bias, error, sum].map(showEffect),
        })),
      }),
  ])
}

function featureSection(document: Document, results: AttributionResults, top: number, sort: Method): VNode {
  const { features, saes } = results
  const most = Math.max(...features.map(({ ablation }) => Math.abs(ablation ?? 0)))
  const tried = saes.map(
    ({ hook }) => [hook, features.filter((row) => row.hook === hook && row.ablation !== null)] as const,
  )
  const panels = tried.map(([hook, rows]) => {
    const points = rows.map(({ gradient, ablation }) => ({ x: gradient, y: ablation!, strong: false }))
    const about = {
      title: `${hook}: gradient times activation, and ablation`,
      description: `${rows.length} features.`,
    }
    const axes = { x: 'gradient times activation', y: 'ablation' }
    return html`<li><b>${hook}</b>${scatter(document, points, axes, about)}</li>`
  })
  return section('features', 'Features', [
    html`<p>
      What each feature of the text is worth to the number; positive numbers favour the target. “Direct” is
      what it contributes at the last token, bypassing all later layers. The others are sums over all tokens
      but BOS, through all later layers.
    </p>`,
    dataTable({
      caption: `The first ${Math.min(top, features.length)} of ${features.length} features by ${sort}`,
      columns: ['feature', ...METHODS],
      rows: features.slice(0, top).map((row) => ({
        head: noted(namedFeature(row.feature, row.token), row.hook),
        cells: [
          showNumber(row.activation),
          ...[row.direct, row.gradient, row.integrated].map(showEffect),
          { content: showEffect(row.ablation), level: levelOf(row.ablation, most) },
        ],
      })),
    }),
    html`<p>
      One ring per feature: what gradient times activation says it is worth, and what the logit loses without
      it.
    </p>`,
    html`<ul class="panels">
      ${panels}
    </ul>`,
  ])
}

function patchingSection(
  document: Document,
  results: AttributionResults,
  { rows, positions, corrupted }: Patching,
): VNode {
  const columns = tokenNames(results.clean).filter((_, token) => positions.includes(token))
  const grid = (site: (typeof PATCHED)[number], method: 'patching' | 'attribution'): Grid => {
    const shown = rows.filter((row) => row.site === site)
    return {
      rows: shown.map(({ layer, head }) => (head === null ? `blocks.${layer}` : `blocks.${layer} h${head}`)),
      columns,
      values: shown.map((row) => row[method]),
    }
  }
  const [from, to] = [results.clean, results.corrupted!].map((pieces) => showToken(pieces.slice(1).join('')))
  const said =
    `The activation of the clean text, ${from}, is put into the corrupted one, ${to}, one place at a time. The number is ` +
    `${showNumber(results.logit)} on the clean text and ${showNumber(corrupted)} on the corrupted one. Each cell shows by how much its ` +
    'place raises it. Columns are the clean text’s tokens, from the first that differs. Each map has its own colour scale.'
  return section('patching', 'Patching', [
    html`<p>${said}</p>`,
    ...PATCHED.map((site) => [
      html`<h3>${site}</h3>`,
      gridFigure(document, `${site}: patching, measured`, grid(site, 'patching')),
      gridFigure(document, `${site}: attribution patching, from one gradient`, grid(site, 'attribution')),
    ]),
  ])
}

function agreementSection({ agreement, held_still: held }: AttributionResults): VNode {
  const { columns, rows } = agreementGrid(agreement)
  return section('agreement', 'Estimated and measured', [
    html`<p>
      Spearman is the rank correlation of an estimate with the measurement: near 1, the estimate finds the
      same places. Signs are compared only where the measured effect is at least a hundredth of the largest.
    </p>`,
    agreement.length > 0 &&
      dataTable({
        caption: 'Estimates against ablation and patching: rank correlation, share of the same sign',
        columns: ['of', 'places', ...columns],
        rows: rows.map(({ of, places, cells }) => ({
          head: of,
          cells: [places, ...cells.map(showAgreement)],
        })),
      }),
    html`<h3>What each method holds still</h3>`,
    findingList(
      held.map(
        ({ method, measures, frozen, linear }) =>
          html`<b>${method}</b>: ${measures}. Frozen: ${frozen}. Taken as linear: ${linear}.`,
      ),
    ),
  ])
}
