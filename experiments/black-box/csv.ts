// The tables beside results.json.
import type { AnalysedLayer, LayerAnalysis } from '../lab/analysis/layer-analysis.ts'
import { csv } from '../lab/report/csv.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

/** One row per category and layer. */
export function categoriesCsv(layers: readonly AnalysedLayer[]): string {
  const head =
    'layer,threshold,category,peak_feature,peak_value,aggregate_top5,peak_to_aggregate,gini_top5,' +
    'specialist_feature,specialist_score,specialist_inside,specialist_outside,specialist_value,best_score,best_features,' +
    'score_needed,score_chance_q95,score_p,score_p_corrected,score_within_chance,score_at_equal_pairs,' +
    'auroc,auroc_feature,auroc_chance_q95,auroc_p,auroc_p_corrected,auroc_within_chance,' +
    'peak_low,peak_high,aggregate_low,aggregate_high,peak_by_norm,aggregate_by_norm'
  const rows = layers.flatMap(({ layer, threshold, categories, statistics }) =>
    categories.map(({ category, peak, specialist: s, full_search, ...found }) => {
      const { score, auroc, ...rest } = ofCategory(statistics.categories, category)
      return [
        ...[layer, threshold, category, peak?.feature, peak?.value],
        ...[found.aggregate_top5, found.peak_to_aggregate, found.gini_top5],
        ...[s?.feature, s?.score, s?.inside, s?.outside, s?.value],
        ...[full_search.best_score, full_search.features.join(' ')],
        ...[
          score.needed,
          score.chance_q95,
          score.p,
          score.p_corrected,
          score.within_chance,
          rest.equal_pairs_score,
        ],
        ...[auroc?.value, auroc?.feature, auroc?.chance_q95],
        ...[auroc?.p, auroc?.p_corrected, auroc?.within_chance],
        ...(rest.peak_interval ?? [null, null]),
        ...(rest.aggregate_interval ?? [null, null]),
        ...[rest.peak_by_norm, rest.aggregate_by_norm],
      ]
    }),
  )
  return csv(head, rows)
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
  return csv('layer,feature,value,text_row,category,text', rows)
}
