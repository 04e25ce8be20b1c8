// What the page and its worker say to each other. Everything here crosses by structured clone.
import type { FeatureDashboard } from '../lab/analysis/features/feature-dashboard.ts'
import type { Gpt2Config } from '../../gpt2/config.ts'
import type { CorpusCard, CorpusFacts } from './corpus-shape.ts'
import type { LibraryQuery } from './library-query.ts'
import type { LibraryPage } from './library-search.ts'
import type { Firing, TokenText } from '../lab/report/tokens.ts'

/** What computes: a backend of engine/backends.ts by name, and on how many threads (left out, it chooses). */
export interface BackendChoice {
  readonly name: string
  readonly threads?: number
}

/** One feature of the SAE at one layer's input. */
export interface FeatureRef {
  readonly layer: number
  readonly feature: number
}

/** A change to one feature at every token but BOS, while the text is read. */
export type FeatureEdit = FeatureRef &
  (
    | /** Its contribution, f_j * W_dec[j], is taken out of the residual stream wherever it fires. */
      { readonly kind: 'off' }
      /** coefficient * W_dec[j] is added, whether it fires or not; in units of activation. */
    | { readonly kind: 'up'; readonly coefficient: number }
  )

/** Something of the model that is changed while it reads or writes; a list of them, made in its order, is an edit. */
export type Change =
  | FeatureEdit
  /** What the head mixes from the tokens it looks at becomes 0, at every token. */
  | { readonly kind: 'head'; readonly layer: number; readonly head: number }
  /** The MLP neuron's activation becomes 0, at every token. */
  | { readonly kind: 'neuron'; readonly layer: number; readonly neuron: number }

/** How the next token is drawn, as in gpt2/generate.ts; `tokens`: how many are written before it waits. */
export interface Sampling {
  readonly temperature: number
  /** null: from all. */
  readonly topK: number | null
  readonly topP: number
  readonly seed: number
  readonly tokens: number
}

/** The model as it is, and as the edit makes it. */
export type Side = 'plain' | 'edited'

/** Why nothing more can be written: <|endoftext|> was drawn, or the model has no further position. */
export type Ending = 'end' | 'full'

/** From the page. A `run` replaces one that is still under way, which is then given up without an answer. */
export type Request =
  /** First, once: a worker serves one backend. Another choice is another worker. */
  | { readonly type: 'open'; readonly backend: BackendChoice }
  | {
      readonly type: 'run'
      readonly id: number
      readonly text: string
      readonly edit: readonly Change[]
    }
  | ({ readonly type: 'card'; readonly id: number } & FeatureRef)
  /** A `library` replaces one that is still waiting, which is then given up without an answer. */
  | { readonly type: 'library'; readonly id: number; readonly query: LibraryQuery }
  /** Writes on from a text, with and without the edit. A newer run or writing ends it; other requests have their turn between two tokens. */
  | {
      readonly type: 'write'
      readonly id: number
      readonly text: string
      readonly edit: readonly Change[]
      readonly sampling: Sampling
    }
  | { readonly type: 'stop'; readonly id: number }
  /** After it has stopped, or written all tokens asked for: as many more. */
  | { readonly type: 'go-on'; readonly id: number; readonly tokens: number }

/** To the page. */
export type Answer =
  | { readonly type: 'progress'; readonly label: string; readonly done: number; readonly total: number }
  | { readonly type: 'opened'; readonly opened: Opened }
  /** How many layers of a run are read. */
  | { readonly type: 'layer'; readonly id: number; readonly done: number }
  | { readonly type: 'run'; readonly id: number; readonly run: TextRun }
  | { readonly type: 'card'; readonly id: number; readonly card: Card }
  | { readonly type: 'library'; readonly id: number; readonly found: LibraryPage }
  /** One token of a continuation. */
  | { readonly type: 'written'; readonly id: number; readonly side: Side; readonly token: Token }
  /** Nothing is written until it is told to go on; a side that stands at an ending never will. */
  | {
      readonly type: 'paused'
      readonly id: number
      readonly endings: Readonly<Partial<Record<Side, Ending | null>>>
    }
  /** `id` is that of the run, card or writing, and is missing where the worker could not start. */
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
  readonly config: Gpt2Config
  /** One at each layer's input. */
  readonly saes: readonly SaeFacts[]
  /** What the results mean: residual basis, BOS, from the SAEs' own configuration. */
  readonly basis: string
  /** What the library of features was made of; missing where no corpus was read with these SAEs. */
  readonly corpus?: CorpusFacts
  /** What a person should know of how this runs, a sentence or two each: why there is one thread only, for instance. */
  readonly notes: readonly string[]
}

export interface SaeFacts {
  readonly dSae: number
  /**
   * Of each feature, by its number, the token that it fires on most in the bundled texts, as it is shown: a hint at what it
   * may stand for. '' for a feature that fires nowhere there.
   */
  readonly hints: readonly string[]
}

/** One text as the model read it. */
export interface TextRun {
  readonly text: string
  /** BOS first. */
  readonly tokens: readonly Token[]
  readonly layers: readonly LayerRun[]
  /** The next token after each position: probabilities, the likeliest first. */
  readonly next: TopPerToken
  /** What the ids of `next` and of the layers' lenses look like, so that the page needs no tokenizer. */
  readonly names: ReadonlyMap<number, string>
  /** Where something was to be changed: what a second pass with the edit gave. */
  readonly edited: EditedRun | null
  /** Of the whole run, and what of it was the edited pass. */
  readonly ms: { readonly total: number; readonly edited: number }
}

export interface Token {
  readonly id: number
  /** The text it completes; '' where it ends inside a character. */
  readonly piece: string
  /** For display by itself: of a split character its bytes. */
  readonly shown: string
}

/** One layer's activations; `tokens` counts BOS. */
export interface LayerRun {
  readonly layer: number
  /** The SAE at this layer's input; sparse rows, one a token: entries offsets[t]..offsets[t + 1]. */
  readonly features: SparseFeatures
  /** [heads, tokens, tokens]: a row a query, a column a key */
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

export interface EditedRun {
  readonly edit: readonly Change[]
  /** The next token after each position, with the edit. */
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
  /** What the corpus says of it, where there is one. */
  readonly inCorpus: InCorpus | null
}

export interface InCorpus {
  readonly facts: CorpusFacts
  readonly card: CorpusCard
}

interface CardText {
  readonly text: TokenText
  readonly index: number
  readonly mean: number
  readonly firing: Firing
}
