/**
 * What the analysis finds, as it stands in results.json and in `analyse --json`. Keys are snake_case because
 * they are a file format; they are those of the post's own figures (test/reference/black-box/figures.json).
 * A value is a token-mean SAE activation; a text is its row, counted from 0.
 */

/** A feature and how strongly it fires. */
export interface FeatureValue {
  feature: number
  value: number
}

/** A feature held against one category. */
export interface Specialist extends FeatureValue {
  /** `inside` minus `outside`. */
  score: number
  /** Texts of the category in which the feature is above the threshold. */
  inside: number
  /** Texts of all other categories in which the feature is above the threshold. */
  outside: number
}

/** One category in one layer. Null where no feature fires in any of the category's texts. */
export interface CategoryAnalysis {
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
   * one that is above the threshold nowhere in the category specialises in nothing and is left out.
   */
  full_search: { best_score: number | null; features: number[] }
}

/** One layer's SAE on all texts. */
export interface LayerAnalysis {
  /** Null where the caller did not say which layer the features come from. */
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
  categories: Record<string, CategoryAnalysis>
  /** For every feature named above (full_search aside): the texts that make it fire, strongest first. */
  firing_texts: Record<string, [text: number, value: number][]>
}

/** How one category's figures change from one layer to the next. Null where either layer has none. */
export interface CategoryChange {
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
  categories: Record<string, CategoryChange>
}
