import { ofCategory } from '../../experiments/lab/analysis/by-category.ts'
import type { AnalysedLayer, CategoryStatistics } from '../../experiments/lab/analysis/layer-analysis.ts'

/** What categories.csv must hold: a row for each layer and category, by the names of its columns. */
export function categoriesRows(layers: readonly AnalysedLayer[]): Record<string, string>[] {
  return layers.flatMap(({ layer, threshold, categories, statistics }) =>
    categories.map(({ category, peak, specialist, full_search, ...rest }) => ({
      layer: String(layer),
      threshold: String(threshold),
      category,
      peak_feature: String(peak!.feature),
      peak_value: String(peak!.value),
      aggregate_top5: String(rest.aggregate_top5),
      peak_to_aggregate: String(rest.peak_to_aggregate),
      gini_top5: String(rest.gini_top5),
      specialist_feature: String(specialist!.feature),
      specialist_score: String(specialist!.score),
      specialist_inside: String(specialist!.inside),
      specialist_outside: String(specialist!.outside),
      specialist_value: String(specialist!.value),
      best_score: String(full_search.best_score),
      best_features: full_search.features.join(' '),
      ...statisticsColumns(ofCategory(statistics.categories, category)),
    })),
  )
}

function statisticsColumns({ score, auroc, ...rest }: CategoryStatistics): Record<string, string> {
  const columns = {
    ...{
      score_needed: score.needed ?? '',
      score_chance_q95: score.chance_q95,
      score_p: score.p,
      score_p_corrected: score.p_corrected,
    },
    ...{ score_within_chance: score.within_chance, score_at_equal_pairs: rest.equal_pairs_score },
    ...{ auroc: auroc!.value, auroc_feature: auroc!.feature, auroc_chance_q95: auroc!.chance_q95 },
    ...{ auroc_p: auroc!.p, auroc_p_corrected: auroc!.p_corrected },
    ...{ auroc_within_chance: auroc!.within_chance },
    ...{ peak_low: rest.peak_interval![0], peak_high: rest.peak_interval![1] },
    ...{ aggregate_low: rest.aggregate_interval![0], aggregate_high: rest.aggregate_interval![1] },
    ...{ peak_by_norm: rest.peak_by_norm, aggregate_by_norm: rest.aggregate_by_norm },
  }
  return Object.fromEntries(Object.entries(columns).map(([name, value]) => [name, String(value)]))
}
