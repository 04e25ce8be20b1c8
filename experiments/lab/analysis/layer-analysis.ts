// What the analysis finds, as stored in results.json and in `analyse --json`.
import type { OfCategory } from './by-category.ts'
import type { SaeEvaluation } from '../models/sae-quality.ts'

/**
 * Keys are snake_case because they are a file format; they are those of the post's own numbers
 * (test/reference/black-box/figures.json). A value is a token-mean SAE activation; a text is its row, counted from 0.
 */

/** A feature and how strongly it fires. */
export interface FeatureValue {
  feature: number
  value: number
}

/** A feature scored for one category. */
export interface Specialist extends FeatureValue {
  /** `inside` minus `outside`. */
  score: number
  /** Texts of the category in which the feature is above the threshold. */
  inside: number
  /** Texts of all other categories in which the feature is above the threshold. */
  outside: number
}

/** One category in one layer. Null where no feature fires in any of the category's texts. */
export interface CategoryAnalysis extends OfCategory {
  /** The feature that fires most strongly in any one text of the category. */
  peak: FeatureValue | null
  /** Sum of the five highest feature maxima; a feature that does not fire counts as 0. */
  aggregate_top5: number
  /** The peak's share of that sum: 0.2 if all five are equal, 1 if only one feature fires. */
  peak_to_aggregate: number | null
  /** Gini coefficient of the five: 0 if all are equal, 0.8 if only one feature fires. */
  gini_top5: number
  /**
   * As published: the best score among the five features with the highest maximum in the category;
   * a tie goes to the higher maximum.
   */
  specialist: Specialist | null
  /**
   * The same search over every feature that fires in the category. `features` are all those with the best score, rising;
   * one that is nowhere above the threshold in the category specialises in nothing and is left out.
   */
  full_search: { best_score: number | null; features: number[] }
}

/** One layer's SAE on all texts. */
export interface LayerAnalysis {
  /** Null if the caller did not say which layer the features come from. */
  layer: number | null
  threshold: number
  /** How many texts were analysed. */
  texts: number
  strongest: (FeatureValue & { text: number }) | null
  /** The feature active (above 0, whatever the threshold) in the most texts; a tie goes to the higher maximum. */
  most_frequent: { feature: number; texts: number } | null
  /** [feature, its maximum over all texts], highest first. */
  top5_strongest: [feature: number, value: number][]
  /** How many (text, feature) pairs are above the threshold. */
  pairs_above_threshold: number
  /** The best score of any feature for any category, among all features rather than five. */
  most_selective: (Specialist & { category: string }) | null
  /** In the order of the texts, as all lists of categories. */
  categories: CategoryAnalysis[]
  /** For every feature named above (full_search aside): the texts that make it fire, strongest first. */
  firing_texts: Record<string, [text: number, value: number][]>
}

/**
 * Whether a layer's numbers mean anything: what chance gives, how much depends on the choice of texts, and what is left
 * when the size of activations is held fixed. Chance is the same search with the categories shuffled among the texts.
 */
export interface LayerStatistics {
  permutations: number
  resamples: number
  seed: number
  /**
   * Mean length of the vectors that the SAE reads, over the texts' tokens, BOS left out; null if only features are
   * available.
   */
  stream_norm: number | null
  /** The best scores over all features, added up over the categories: as they are, and with shuffled categories. */
  sum_best_scores: { observed: number; chance: Chance; p: number }
  /** How `sum_best_scores` changes from this layer to the last of all; null at the last. */
  rise_to_last: Rise | null
  /**
   * The same search where this layer's threshold leaves as many pairs of text and feature above it as that of the layer
   * with the fewest. Null if there is only one layer.
   */
  equal_pairs: { pairs: number; threshold: number; sum_best_scores: number; chance: Chance } | null
  /** From a low threshold to a high one; empty where no feature fires. */
  threshold_curve: ThresholdPoint[]
  categories: CategoryStatistics[]
}

/**
 * A rise from one layer to another. `p`: how often shuffled categories, the same in both layers, rise as much;
 * `interval`: what 95 % of the resampled texts give, each category's specialist held fixed.
 */
export interface Rise {
  value: number
  p: number
  interval: [low: number, high: number]
}

/** Results of shuffled categories: the mean, and the value that 95 % of the draws stay at or below. */
interface Chance {
  mean: number
  q95: number
}

/** The search for specialists at another threshold: the quantile `quantile` of the layer's positive activations. */
export interface ThresholdPoint {
  quantile: number
  threshold: number
  pairs: number
  sum_best_scores: number
  chance: Chance
}

/** A p-value from shuffled categories, and the same corrected (Holm) for the categories of the layer. */
export interface Tested {
  p: number
  p_corrected: number
  /** Whether `p_corrected` is above 0.05. */
  within_chance: boolean
}

/**
 * Whether a number rises from one layer to the next, by the resampled texts, the same being drawn in both. `p_rise` is
 * small where it rises in nearly all resamples, `p_fall` where it falls or stays level in nearly all. Neither is corrected
 * for the number of steps.
 */
export interface Step {
  p_rise: number
  p_fall: number
}

export interface CategoryStatistics extends OfCategory {
  /** How many texts it has. */
  texts: number
  /**
   * Of `full_search.best_score`, or of 0 if it is lower. `null_scores[s]`: in how many draws the best score was s;
   * `chance_q95`: the score that 95 % of them stay at or below, without the correction. `needed`: the lowest score that would be
   * beyond chance, corrected as `p_corrected` is, the other categories being what they are; null where none can be.
   */
  score: Tested & { value: number; needed: number | null; null_scores: number[]; chance_q95: number }
  /** The feature that tells the category's texts best from the others, without a threshold; active in two texts at least. */
  auroc: (Tested & { value: number; feature: number; chance_q95: number }) | null
  /** The range of 95 % of the resamples of the category's texts. Null if nothing fires. */
  peak_interval: [low: number, high: number] | null
  aggregate_interval: [low: number, high: number] | null
  /** From this layer to the next. Null at the last layer. */
  peak_step: Step | null
  aggregate_step: Step | null
  /** Divided by `stream_norm`. */
  peak_by_norm: number | null
  aggregate_by_norm: number | null
  /** The best score at `equal_pairs`. */
  equal_pairs_score: number | null
}

/** How well a layer's SAE does on the texts of the analysis, and on those held out if a file was named. */
export interface LayerQuality {
  texts: SaeEvaluation
  held_out: SaeEvaluation | null
}

/** A layer's numbers and the evidence for them; `quality` is null if it was not measured. */
export type AnalysedLayer = LayerAnalysis & {
  statistics: LayerStatistics
  quality: LayerQuality | null
  /** For each feature that is named anywhere, the token on which it fires most; empty if no tokens are available. */
  feature_tokens: Record<string, string>
}

/** How one category's numbers change from one layer to the next. Null where either layer has none. */
export interface CategoryChange extends OfCategory {
  peak: number | null
  aggregate_top5: number
  specialist_score: number | null
  /**
   * Pearson correlation, over all texts, of the two layers' peak features: near 1 if both fire in the same texts.
   * Null also where a feature fires equally in every text.
   */
  peak_profile_correlation: number | null
}

/** From one layer to the next: differences, `to` minus `from`. */
export interface LayerChange {
  from: number | null
  to: number | null
  strongest: number | null
  pairs_above_threshold: number
  categories: CategoryChange[]
}

/** The verdict on one of the post's claims. */
export interface Verdict {
  claim: string
  /**
   * `not tested`: something needed is missing, such as a second layer; `cannot be told`: these texts allow no answer,
   * because they are too few, or because chance or the choice of texts could explain either result.
   */
  status: 'holds' | 'holds only because everything grows' | 'does not hold' | 'cannot be told' | 'not tested'
  /** Why, in a few plain words: a clause. */
  brief: string
  /** The numbers behind it, in sentences. */
  detail: string
}
