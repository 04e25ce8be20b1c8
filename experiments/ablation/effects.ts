// What the experiment finds, as it stands in results.json.
// Keys are snake_case because they are a file format; a text is its row among all texts, counted from 0.

import type { OfCategory } from '../lab/analysis/by-category.ts'

/** What an edit of the stream does to the predictions for some texts. BOS is never edited and never counted. */
export interface Effect {
  /** Change of the mean loss, nats per token; above 0 the model predicts worse. The prediction made at BOS is in the mean. */
  loss: number
  /** Mean Kullback-Leibler divergence KL(as it is || edited) of the next token's distribution, nats. */
  kl: number
  /** Share of the tokens after which another next token becomes the most probable. */
  flips: number
}

/** The same for the texts of a category. */
export type CategoryEffect = OfCategory & Effect

/** A specialist of a category, or a random feature that matches one in size and belongs to the same category. */
export interface ChosenFeature {
  feature: number
  kind: 'specialist' | 'random'
  /** The category that it was chosen for. */
  category: string
  /** Texts of the category in which it is above the threshold, minus texts of the others; over all texts. */
  score: number
  /** Probability that a text of the category has the higher token mean than one of the others; null for a lone category. */
  auroc: number | null
  /** Mean length of f_j W_dec[j] over the category's texts, from token means: how much there is to remove. */
  size: number
  /** Length of the vector that steering adds at each token; a random feature has its specialist's. */
  steering_length: number
}

export interface TestedFeature extends ChosenFeature {
  layer: number
  /** The token on which it fires most, of all texts. */
  token: string
  /** In how many of the measured texts of its category it fires; in 0, removing it cannot do anything there. */
  fires_in: number
  /** Among the beginnings of all texts, the token at which it fires most; null where it fires in none. */
  strongest: TextPlace | null
  /** By category: f_j W_dec[j] taken out of the stream. */
  removed: CategoryEffect[]
  /** By category: the feature's direction added to the stream. */
  steered: CategoryEffect[]
}

/** A number and what 95 % of its bootstrap gives; null where there is none. */
export interface Estimate {
  value: number
  interval: [low: number, high: number]
  /** Whether there is too little to resample for p ever to be 0.05: then the interval says nothing. */
  too_few: boolean
}

/** A mean difference between two sides, over categories and layers. */
export interface Contrast {
  name: 'random' | 'other_specialists' | 'other_categories' | 'steering_random'
  /** Mean over the pairs, of the specialist's side and of the other, in nats per token. */
  specialist: number
  other: number
  difference: Estimate
  /** How many (layer, category) pairs were compared. */
  pairs: number
}

/** Spearman's rank correlation over the tested features of a layer, each in its own category; `layer` null: mean of all. */
export interface RankCorrelation {
  layer: number | null
  predictor: 'score' | 'auroc' | 'size'
  effect: 'removed_loss' | 'removed_kl' | 'steered_kl'
  features: number
  rho: Estimate | null
}

/** A token of a text; position 0 is BOS. */
interface TextPlace {
  text: number
  position: number
}

/** One prompt written on from, with nothing changed, a feature turned off, and turned up. */
export interface Generation {
  layer: number
  feature: number
  /** As of the tested feature. */
  token: string
  category: string
  prompt: string
  /** The text that the prompt is the beginning of, up to where the feature fires most; null for a prompt of one's own. */
  text: number | null
  /** Whether the feature fired at all where it was turned off. */
  fires: boolean
  as_it_is: string
  off: string
  up: string
}

export interface AblationResults {
  settings: { texts_per_category: number; random: number; strength: number; resamples: number; seed: number }
  /** The measured texts of each category, and the model's mean loss on them. */
  categories: (OfCategory & { texts: number[]; tokens: number; loss: number })[]
  /** Categories without a specialist: none of their texts makes a feature fire. */
  without_specialist: { layer: number; category: string }[]
  features: TestedFeature[]
  contrasts: Contrast[]
  correlations: RankCorrelation[]
  generations: Generation[]
}
