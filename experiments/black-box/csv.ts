import { csvFormatRows } from 'd3-dsv'
import type { AnalysedLayer, CategoryStatistics, LayerAnalysis } from '../lab/analysis/layer-analysis.ts'

/** A row a category and layer; what does not exist is an empty field. */
export function categoriesCsv(layers: readonly AnalysedLayer[]): string {
  const head = 'layer,threshold,category,peak_feature,peak_value,aggregate_top5,peak_to_aggregate,gini_top5'
  const more = 'specialist_feature,specialist_score,specialist_inside,specialist_outside,specialist_value'
  const rows = layers.flatMap(({ layer, threshold, categories, statistics }) =>
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
      ...statisticsCells(statistics.categories[name]),
    ]),
  )
  return csv([...`${head},${more},best_score,best_features`.split(','), ...STATISTICS], rows)
}

const STATISTICS = [
  ...['score_chance_q95', 'score_p', 'score_p_corrected', 'score_within_chance', 'score_at_equal_pairs'],
  ...['auroc', 'auroc_feature', 'auroc_chance_q95', 'auroc_p', 'auroc_p_corrected', 'auroc_within_chance'],
  ...['peak_low', 'peak_high', 'aggregate_low', 'aggregate_high', 'peak_by_norm', 'aggregate_by_norm'],
]

function statisticsCells({ score, auroc, ...rest }: CategoryStatistics): Cell[] {
  return [
    ...[score.chance_q95, score.p, score.p_corrected, String(score.within_chance), rest.equal_pairs_score],
    ...[auroc?.value, auroc?.feature, auroc?.chance_q95, auroc?.p, auroc?.p_corrected],
    auroc && String(auroc.within_chance),
    ...(rest.peak_interval ?? [null, null]),
    ...(rest.aggregate_interval ?? [null, null]),
    rest.peak_by_norm,
    rest.aggregate_by_norm,
  ]
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
