// A feature's dashboard: what it fires on, what it promotes, and what is like it. As stored in results.json and in
// `feature --json`: a file format, hence snake_case.

/** A text in which the feature fires. Texts are counted from 0, positions too; position 0 is BOS, which never counts. */
export interface FiringTextSummary {
  text: number
  /** The highest activation of any of its tokens, and where. */
  max: number
  position: number
  token: string
  /** Over all its tokens. */
  mean: number
  firing_tokens: number
}

/** How a feature's token activations are distributed over the texts. */
export interface ActivationStatistics {
  tokens: number
  firing_tokens: number
  /** firing_tokens / tokens */
  density: number
  /** Null if it fires nowhere. */
  max: number | null
  mean_where_it_fires: number | null
  /** Positive activations in bins of equal width from 0 to max: `counts[i]` are above `edges[i]`, up to `edges[i + 1]`. */
  histogram: { edges: number[]; counts: number[] }
  /** Every text in which it fires, the highest activation first. */
  firing_texts: FiringTextSummary[]
  /** For each share of the feature's maximum, highest first, the text whose own maximum is nearest; no text twice. */
  quantile_examples: { share: number; text: number; max: number }[]
}

/** A token and what one unit of the feature adds to its logit, minus the mean over the vocabulary. */
export interface TokenEffect {
  id: number
  token: string
  logit: number
}

/** A feature of the same SAE whose decoder direction is near. */
export interface NearFeature {
  feature: number
  cosine: number
  /** The token on which it fires most in these texts; null if it fires in none. */
  token: string | null
}

/** A feature of another SAE that fires on the same tokens. */
export interface CorrelatedFeature {
  feature: number
  /** Pearson's correlation over all tokens of all texts, without BOS. */
  correlation: number
  /** The token on which it fires most. */
  token: string
  /** Tokens on which both fire, and on which this one fires. */
  together: number
  firing_tokens: number
}

/** Everything found about one feature. */
export interface FeatureDashboard extends ActivationStatistics {
  layer: number
  hook: string
  feature: number
  neuronpedia: string | null
  promoted: TokenEffect[]
  suppressed: TokenEffect[]
  nearest: NearFeature[]
  /** Null at the last layer that has an SAE. */
  next_layer: { layer: number; hook: string; features: CorrelatedFeature[] } | null
}
