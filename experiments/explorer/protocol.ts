import type { FeatureDashboard } from '../lab/analysis/features/feature-dashboard.ts'
import type { Firing, TokenText } from '../lab/report/tokens.ts'

/** What the page and its worker say to each other. Everything here crosses by structured clone. */

/** What computes: a backend of engine/backends.ts by name, and on how many threads (left out, it chooses). */
export interface BackendChoice {
  readonly name: string
  readonly threads?: number
}

/** A change to one feature at every token but BOS, while the text is read. */
export type FeatureEdit =
  /** Its contribution, f_j * W_dec[j], is taken out of the residual stream wherever it fires. */
  | { readonly hook: string; readonly feature: number; readonly kind: 'off' }
  /** coefficient * W_dec[j] is added, whether it fires or not; in units of activation. */
  | { readonly hook: string; readonly feature: number; readonly kind: 'up'; readonly coefficient: number }

/** From the page. A `look` replaces one that is still under way, which is then given up without an answer. */
export type Request =
  /** First, once: a worker serves one backend. Another choice is another worker. */
  | { readonly type: 'open'; readonly backend: BackendChoice }
  | { readonly type: 'look'; readonly id: number; readonly text: string; readonly edit: FeatureEdit | null }
  | { readonly type: 'card'; readonly id: number; readonly hook: string; readonly feature: number }

/** To the page. */
export type Answer =
  | { readonly type: 'progress'; readonly label: string; readonly done: number; readonly total: number }
  | { readonly type: 'opened'; readonly opened: Opened }
  /** The parts of one look, in this order: tokens, a layer at a time, end. With an edit, a second pass fills `edited`. */
  | { readonly type: 'tokens'; readonly id: number; readonly tokens: readonly Token[] }
  | { readonly type: 'layer'; readonly id: number; readonly layer: LayerLook }
  | { readonly type: 'end'; readonly id: number; readonly end: EndLook }
  | { readonly type: 'card'; readonly id: number; readonly card: Card }
  /** `id` is that of the look or card, and is missing where the worker could not start. */
  | { readonly type: 'failed'; readonly id?: number; readonly failure: Failure }

/** A fault as a person meets it: what happened, and a way on. `message` and `advice` are plain text. */
export interface Failure {
  readonly kind: 'start' | 'weights' | 'memory' | 'text' | 'edit' | 'card' | 'internal'
  readonly message: string
  readonly advice: string
}

/** What runs, as the backend itself says. */
export interface Opened {
  readonly model: string
  readonly backend: string
  readonly mode: string
  readonly layers: number
  readonly heads: number
  readonly dModel: number
  readonly dMlp: number
  /** Positions, BOS included: a text has at most one token less. */
  readonly nCtx: number
  readonly saes: readonly SaeFacts[]
  /** What the results mean: residual basis, BOS, from the SAEs' own configuration. */
  readonly basis: string
  /** What a person should know of how this runs, a sentence or two each: why there is one thread only, for instance. */
  readonly notes: readonly string[]
  readonly loadMs: number
}

export interface SaeFacts {
  readonly hook: string
  readonly layer: number
  readonly dSae: number
  readonly hints: FeatureHints
}

/** What each feature, by its number, fires on most in the bundled texts: a hint at what it may stand for. */
export interface FeatureHints {
  /** The token, as it is shown; '' for a feature that fires nowhere there. */
  readonly tokens: readonly string[]
  /** How much of the feature's activation, all tokens together, is that token's. */
  readonly shares: readonly number[]
}

export interface Token {
  readonly id: number
  /** The text it completes; '' where it ends inside a character. BOS first. */
  readonly piece: string
  /** For display by itself: of a split character its bytes. */
  readonly shown: string
}

/** One layer's activations; `tokens` counts BOS. */
export interface LayerLook {
  readonly layer: number
  /** The SAE at this layer's input; sparse rows, one a token: entries offsets[t]..offsets[t + 1]. */
  readonly features: SparseFeatures
  /** [heads, tokens, tokens]: row = the query that looks, column = the key looked at */
  readonly attention: Float32Array
  /** The most active MLP neurons a token, after GELU, whose negative side ends at -0.17: [tokens, neurons.perToken]. */
  readonly neurons: TopPerToken
  /** The logit lens on this layer's output (final LayerNorm, then the unembedding): probabilities, [tokens, lens.perToken]. */
  readonly lens: TopPerToken
  /** Milliseconds: the block with its hooks read back, the SAE's encoder, the lens. */
  readonly ms: { readonly block: number; readonly sae: number; readonly lens: number }
}

export interface SparseFeatures {
  readonly hook: string
  readonly offsets: Uint32Array
  readonly indices: Uint32Array
  readonly values: Float32Array
}

/** Row-major [tokens, perToken], the strongest first. */
export interface TopPerToken {
  readonly perToken: number
  readonly indices: Uint32Array
  readonly values: Float32Array
}

export interface EndLook {
  /** The next token after each position: probabilities, the likeliest first. */
  readonly next: TopPerToken
  /** What the ids of `next` and of the lens' look like, so that the page needs no tokenizer. */
  readonly names: ReadonlyMap<number, string>
  /** Where an edit was asked for: the same after it, and how far each position's distribution moved. */
  readonly edited: EditedLook | null
  /** Of the whole look, and what of it was the edited pass. */
  readonly ms: { readonly total: number; readonly edited: number }
}

export interface EditedLook {
  readonly edit: FeatureEdit
  readonly next: TopPerToken
  /** Probabilities of its ids before the edit: [tokens, next.perToken]. */
  readonly nextBefore: Float32Array
  /** Probabilities of the clean `next`'s ids after the edit: [tokens, next.perToken]. */
  readonly nextAfter: Float32Array
  /** KL(clean || edited) a position, in nats. */
  readonly kl: Float32Array
}

/** A feature's card: figures over the bundled texts, and the texts in which it fires most. */
export interface Card {
  readonly dashboard: FeatureDashboard
  readonly texts: readonly CardText[]
}

export interface CardText {
  readonly text: TokenText
  readonly index: number
  readonly mean: number
  readonly firing: Firing
}
