import { csvFormatRows } from 'd3-dsv'
import type { LayerAnalysis } from './results.ts'

/** A row a category and layer; what does not exist is an empty field. */
export function categoriesCsv(layers: readonly LayerAnalysis[]): string {
  const head = 'layer,threshold,category,peak_feature,peak_value,aggregate_top5,peak_to_aggregate,gini_top5'
  const more = 'specialist_feature,specialist_score,specialist_inside,specialist_outside,specialist_value'
  const rows = layers.flatMap(({ layer, threshold, categories }) =>
    Object.entries(categories).map(([name, { peak, specialist, full_search, ...figures }]) => [
      layer,
      threshold,
      name,
      peak?.feature,
      peak?.value,
      figures.aggregate_top5,
      figures.peak_to_aggregate,
      figures.gini_top5,
      specialist?.feature,
      specialist?.score,
      specialist?.inside,
      specialist?.outside,
      specialist?.value,
      full_search.best_score,
      full_search.features.join(' '),
    ]),
  )
  return csv([...`${head},${more},best_score,best_features`.split(',')], rows)
}

/** A row for each text that makes a named feature fire. */
export function firingCsv(
  layers: readonly LayerAnalysis[],
  texts: readonly { category: string; text: string }[],
): string {
  const rows = layers.flatMap(({ layer, firing_texts }) =>
    Object.entries(firing_texts).flatMap(([feature, firing]) =>
      firing.map(([text, value]) => [layer, feature, value, text, texts[text].category, texts[text].text]),
    ),
  )
  return csv(['layer', 'feature', 'value', 'text_row', 'category', 'text'], rows)
}

type Cell = string | number | null | undefined

function csv(head: string[], rows: readonly (readonly Cell[])[]): string {
  const cell = (value: Cell): string => String(value ?? '')
  return csvFormatRows([head, ...rows.map((row) => row.map(cell))]) + '\n'
}
