// The tables of the terminal: what fits a screen; the report and the CSV files have the rest.
import { visibleLine } from '../lab/cli/print.ts'
import { formatTable } from '../lab/cli/table.ts'
import { namedFeature, showToken } from '../lab/report/tokens.ts'
import { answerIn, findings, showAgreement, showEffect } from './answer.ts'
import { METHODS } from './methods.ts'
import type { Options } from './options.ts'
import type { Patching } from './patching.ts'
import { agreementGrid, sourcesByLayer, strongest, type AttributionResults } from './results.ts'

export function terminalTables(
  results: AttributionResults,
  { top, sort }: Pick<Options, 'top' | 'sort'>,
): string[] {
  const { features, patching, agreement } = results
  return [
    `Direct attribution, the final LayerNorm’s scale frozen\n${directTable(results)}`,
    `What heads say because they look at a token\n${sourceTable(results)}`,
    `The strongest neurons, directly\n${neuronTable(results)}`,
    ...(features.length > 0 ? [`Features by ${sort}\n${featureTable(results, top)}`] : []),
    ...(patching ? [`The strongest places of patching\n${patchingTable(results, patching, top)}`] : []),
    ...(agreement.length > 0
      ? [
          `Cheap estimates against ablation and patching: rank correlation (Spearman), share of the same sign\n${agreementTable(results)}`,
        ]
      : []),
    `What each method holds still\n${heldTable(results)}`,
    [answerIn(results), ...findings(results)].map((line) => `- ${visibleLine(line)}`).join('\n'),
  ]
}

/** One row per layer, its heads behind its attention; then what belongs to none. */
function directTable({ parts, heads }: AttributionResults): string {
  const share = (hook: string) => parts.find((part) => part.hook === hook)!.share
  const layers = Map.groupBy(heads, ({ layer }) => layer)
  const rows = [...layers].map(([layer, ofLayer]) => [
    `blocks.${layer}`,
    showEffect(share(`blocks.${layer}.hook_attn_out`)),
    ...ofLayer.map((head) => showEffect(head.share)),
    showEffect(share(`blocks.${layer}.hook_mlp_out`)),
  ])
  const heading = (heads[0] ? layers.get(0)! : []).map(({ head }) => `head ${head}`)
  const others = parts.filter(({ hook }) => !hook.startsWith('blocks.'))
  return [
    formatTable(['', 'hook_attn_out', ...heading, 'hook_mlp_out'], rows),
    others.map(({ hook, share }) => `${hook} ${showEffect(share)}`).join('   '),
  ].join('\n')
}

function sourceTable(results: AttributionResults): string {
  const layers = sourcesByLayer(results)
  const rows = results.clean.map((piece, token) => [
    visibleLine(token === 0 ? 'BOS' : showToken(piece)),
    ...layers.map((shares) => showEffect(shares[token])),
  ])
  return formatTable(['token', ...layers.map((_, layer) => `blocks.${layer}`)], rows)
}

function neuronTable({ neurons }: AttributionResults): string {
  const rows = neurons.slice(0, 10).map(({ hook, neuron, share }) => [hook, neuron, showEffect(share)])
  return formatTable(['hook', 'neuron', 'share'], rows)
}

function featureTable({ features }: AttributionResults, top: number): string {
  const rows = features
    .slice(0, top)
    .map((row) => [
      ...[row.hook, visibleLine(namedFeature(row.feature, row.token)), row.activation.toFixed(2)],
      ...[row.direct, row.gradient, row.integrated, row.ablation].map(showEffect),
    ])
  return formatTable(['hook', 'feature', ...METHODS], rows)
}

function patchingTable({ clean }: AttributionResults, { rows, positions }: Patching, top: number): string {
  const places = rows.flatMap(({ hook, head, patching, attribution }) =>
    patching.map((effect, i) => ({ hook, head, position: positions[i], effect, estimate: attribution[i] })),
  )
  const shown = strongest(places, top, ({ effect }) => effect)
  return formatTable(
    ['hook', 'head', 'position', 'patching', 'attribution'],
    shown.map(({ hook, head, position, effect, estimate }) => [
      ...[hook, head ?? '', visibleLine(`${position} ${showToken(clean[position])}`)],
      ...[showEffect(effect), showEffect(estimate)],
    ]),
  )
}

function agreementTable({ agreement }: AttributionResults): string {
  const { columns, rows } = agreementGrid(agreement)
  return formatTable(
    ['of', 'places', ...columns],
    rows.map(({ of, places, cells }) => [of, places, ...cells.map(showAgreement)]),
  )
}

function heldTable({ held_still: held }: AttributionResults): string {
  return formatTable(
    ['method', 'frozen', 'taken as linear'],
    held.map(({ method, frozen, linear }) => [method, frozen, linear]),
  )
}
