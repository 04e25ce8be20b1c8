import { formatTable } from '../common/table.ts'
import { LAYER_CAVEAT } from './compare-layers.ts'
import type { CategoryAnalysis, LayerAnalysis } from './results.ts'

/** Category by layer, a table a figure: what fits on a screen; the report has the rest. */
export function summaryTables(layers: readonly LayerAnalysis[]): string {
  const figures: [title: string, cell: (category: CategoryAnalysis) => string][] = [
    [
      'Peak: the highest token-mean activation, and its feature',
      ({ peak }) => (peak ? `${peak.value.toFixed(2)} #${peak.feature}` : '–'),
    ],
    ['Aggregate: the sum of the five strongest features', (category) => category.aggregate_top5.toFixed(2)],
    [
      'Specialist score: texts of the category above the threshold, minus texts of the others',
      ({ specialist }) => (specialist ? `${specialist.score} #${specialist.feature}` : '–'),
    ],
  ]
  const head = ['', ...layers.map(({ layer }) => `layer ${layer}`)]
  const names = Object.keys(layers[0].categories)
  const tables = figures.map(([title, cell]) => {
    const rows = names.map((name) => [name, ...layers.map(({ categories }) => cell(categories[name]))])
    return `${title}\n${formatTable(head, rows)}`
  })
  return [...tables, LAYER_CAVEAT].join('\n\n')
}
