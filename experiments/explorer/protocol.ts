// What the page and its worker say to each other. Everything here crosses by structured clone.
import type { FeatureDashboard } from '../lab/analysis/features/feature-dashboard.ts'
import type { Gpt2Config } from '../../gpt2/config.ts'
import type { PatchedSite, Place } from '../lab/analysis/intervene.ts'
import type { Change, FeatureRef, NeuronRef } from '../lab/models/changes.ts'
import type { ModelFolder } from './folder/model-folder.ts'
import type { CorpusCard, CorpusFacts } from './corpus-shape.ts'
import type { LibraryQuery } from './library-query.ts'
import type { LibraryPage } from './library-search.ts'
import type { Firing, TokenText } from '../lab/report/tokens.ts'

/** What computes: a backend of engine/backends.ts by name, and on how many threads (default: it chooses). */
export interface BackendChoice {
  readonly name: string
  readonly threads?: number
}

/** A token of the vocabulary: by its id, or as text that is one token, its space included. */
export type TokenChoice = number | string

/** Which next token is explained: its logit, or how far that is above another's. */
export interface WhyChoice {
  /** null: the likeliest. */
  readonly target: TokenChoice | null
  readonly against: TokenChoice | null
}

/** `position`: that of the token after which it would stand, BOS being 0. */
export type WhyQuestion = WhyChoice & { readonly text: string; readonly position: number }

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

/** What is put from one text's pass into the other's, one place at a time, and the number that it moves. */
export interface Patch {
  readonly site: PatchedSite
  /** Out of the page's text into the other one, or the other way round. */
  readonly into: 'other' | 'text'
  /** The token whose logit is read after the last token; null: the likeliest one in the text that the activations come from. */
  readonly target: number | null
  /** The token whose logit is subtracted. */
  readonly against: number | null
}

/** From the page. A `run` replaces one that is still under way, which is then given up without an answer. */
export type Request =
  /** First, once: a worker serves one backend. Another choice is another worker. */
  | {
      readonly type: 'open'
      readonly backend: BackendChoice
      /** A person's own model, instead of the bundled one. */
      readonly folder?: ModelFolder
    }
  | {
      readonly type: 'run'
      readonly id: number
      readonly text: string
      readonly edit: readonly Change[]
    }
  | ({ readonly type: 'card'; readonly id: number } & FeatureRef)
  /** A `library` replaces one that is still waiting, which is then given up without an answer. */
  | { readonly type: 'library'; readonly id: number; readonly query: LibraryQuery }
  /** Writes on from a text, with and without the edit. A newer run or writing ends it; other requests get their turn between two tokens. */
  | {
      readonly type: 'write'
      readonly id: number
      readonly text: string
      readonly edit: readonly Change[]
      readonly sampling: Sampling
    }
  /** A newer run ends it. */
  | ({ readonly type: 'neuron'; readonly id: number; readonly text: string } & NeuronRef)
  | { readonly type: 'stop'; readonly id: number }
  /** Both texts, read beside each other, as the model is. A newer pair, or a run of another text, ends it. */
  | { readonly type: 'pair'; readonly id: number; readonly text: string; readonly other: string }
  /** Ended by a newer one, and by whatever ends a pair; other requests get their turn between two rows. */
  | {
      readonly type: 'patch'
      readonly id: number
      readonly text: string
      readonly other: string
      readonly patch: Patch
    }
  /** Why a token would be next. A newer one, or a newer run, ends it, and the ablations requested under its id. */
  | ({ readonly type: 'why'; readonly id: number } & WhyQuestion)
  /** What the logit loses with each of these changes alone; `id`: that of the `why` it belongs to. */
  | ({ readonly type: 'without'; readonly id: number; readonly changes: readonly Change[] } & WhyQuestion)
  /** After it has stopped, or written all requested tokens: writes as many more. */
  | { readonly type: 'go-on'; readonly id: number; readonly tokens: number }

/** To the page. */
export type Answer =
  | { readonly type: 'progress'; readonly label: string; readonly done: number; readonly total: number }
  | { readonly type: 'opened'; readonly opened: Opened }
  /** How many layers of a run have been read. */
  | { readonly type: 'layer'; readonly id: number; readonly done: number }
  | { readonly type: 'run'; readonly id: number; readonly run: TextRun }
  | { readonly type: 'card'; readonly id: number; readonly card: Card }
  | { readonly type: 'neuron'; readonly id: number; readonly card: NeuronCard }
  | { readonly type: 'why'; readonly id: number; readonly why: Why }
  /** What the logit loses with one of the changes. */
  | { readonly type: 'without'; readonly id: number; readonly change: Change; readonly loss: number }
  | { readonly type: 'library'; readonly id: number; readonly found: LibraryPage }
  /** One token of a continuation. */
  | { readonly type: 'written'; readonly id: number; readonly side: Side; readonly token: Token }
  /** Nothing is written until it is told to go on; a side that has reached an ending never goes on. */
  | {
      readonly type: 'paused'
      readonly id: number
      readonly endings: Readonly<Partial<Record<Side, Ending | null>>>
    }
  | { readonly type: 'pair'; readonly id: number; readonly pair: Pair }
  /** What is about to be patched; then one row at a time. */
  | { readonly type: 'patching'; readonly id: number; readonly patching: Patching }
  | { readonly type: 'patched'; readonly id: number; readonly row: PatchedRow }
  /** `id` is that of the request, and is missing where the worker could not start. */
  | { readonly type: 'failed'; readonly id?: number; readonly failure: Failure }

/** A fault as people see it: what happened, and what to do. `message` and `advice` are plain text. */
export interface Failure {
  readonly kind:
    'start' | 'weights' | 'folder' | 'memory' | 'text' | 'edit' | 'card' | 'why' | 'pair' | 'internal'
  readonly message: string
  readonly advice: string
}

/** What runs, as the backend reports it. */
export interface Opened {
  readonly model: string
  readonly backend: string
  readonly mode: string
  readonly config: Gpt2Config
  /** One per layer: the SAE at its input, or wherever else in the layer `hook` says. */
  readonly saes: readonly SaeFacts[]
  /** Whether it is the bundled model, whose features the build has found in the bundled texts. */
  readonly bundled: boolean
  /** What the results mean: residual basis, BOS, from the SAEs' own configuration. */
  readonly basis: string
  /** What the library of features was made of; missing where no corpus was read with these SAEs. */
  readonly corpus?: CorpusFacts
  /** What people should know about how this runs, in one or two sentences each: why there is only one thread, for instance. */
  readonly notes: readonly string[]
}

export interface SaeFacts {
  /** '' where the layer has none, in a person's own model. */
  readonly hook: string
  /** 0 where the layer has none. */
  readonly dSae: number
  /**
   * For each feature, by its number, the token that it fires on most in the bundled texts, as it is shown: a hint at what it
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
  /** The text of the ids of `next` and of the layers' lenses, so that the page needs no tokenizer. */
  readonly names: ReadonlyMap<number, string>
  /** If something was to be changed: the result of a second pass with the edit. */
  readonly edited: EditedRun | null
  /** Of the whole run, and of the edited pass within it. */
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
  /** The SAE at this layer's input; sparse rows, one per token: entries offsets[t]..offsets[t + 1]. */
  readonly features: SparseFeatures
  /** [heads, tokens, tokens]: one row per query, one column per key */
  readonly attention: Float32Array
  /** The most active MLP neurons per token, after GELU, whose negative side ends at -0.17: [tokens, neurons.perToken]. */
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
  /** KL(clean || edited) per position, in nats. */
  readonly kl: Float32Array
}

/** A feature's card: figures over the bundled texts, and the texts in which it fires most. */
export interface Card {
  readonly dashboard: FeatureDashboard
  readonly texts: readonly CardText[]
  /** What the corpus says about it, if there is one. */
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

/** Two texts, as the model read them. */
export interface Pair {
  /** The other one. */
  readonly run: TextRun
  /** One row per pair of corresponding tokens, in the order of `align`. */
  readonly logits: readonly PairLogits[]
  /** The text of the ids of `logits`. */
  readonly names: ReadonlyMap<number, string>
}

/** The next token's logits after two corresponding tokens. */
export interface PairLogits {
  /** The likeliest after either token, each once. */
  readonly likely: readonly LogitPair[]
  /** From the whole vocabulary: those that the other text raises most, then those that it lowers most. */
  readonly moved: readonly LogitPair[]
}

export interface LogitPair {
  readonly id: number
  readonly text: number
  readonly other: number
}

/** A patch before its first row. */
export interface Patching {
  readonly target: number
  readonly against: number | null
  readonly names: ReadonlyMap<number, string>
  /** The requested number in the text that receives, and in the text that gives. */
  readonly before: number
  readonly source: number
  /** Starting with the first pair of tokens that differ. */
  readonly places: readonly Place[]
  /** How many rows there will be. */
  readonly rows: number
}

/** A layer, or one of its heads: how much the number rises at each place. */
export interface PatchedRow {
  readonly layer: number
  readonly head: number | null
  readonly effects: readonly number[]
}

/** What a neuron does in a text, and says about the next token. */
export interface NeuronCard extends NeuronRef, Pick<FeatureDashboard, 'promoted' | 'suppressed'> {
  /** After GELU, one per token, BOS first. */
  readonly values: Float32Array
}

/**
 * What a logit is made of, directly, not by way of later layers; the final LayerNorm's scale is held fixed. All numbers are in logits.
 * Embedding, position, every layer's attention and MLP, and the bias add up to `sum`, which is the logit but for rounding.
 */
export interface Why {
  readonly target: Pick<Token, 'id' | 'shown'>
  readonly against: Pick<Token, 'id' | 'shown'> | null
  readonly logit: number
  readonly sum: number
  readonly embedding: number
  readonly position: number
  /** What the final LayerNorm's bias adds. */
  readonly bias: number
  readonly layers: readonly LayerReasons[]
  /** The strongest of all layers. */
  readonly neurons: readonly { readonly layer: number; readonly neuron: number; readonly effect: number }[]
  /** One for each SAE: each takes apart the whole stream at its layer's input, so layers do not add up. */
  readonly saes: readonly SaeReasons[]
}

interface LayerReasons {
  readonly attention: number
  readonly mlp: number
  /** With `attentionBias` they add up to `attention`. */
  readonly heads: readonly number[]
  readonly attentionBias: number
  /** Heads x tokens: what a head says because it looks at a token. */
  readonly sources: readonly Float64Array[]
  readonly mlpBias: number
}

/** What an SAE's features, its bias and its error add at the position; `sum`: all together. */
export interface SaeReasons {
  readonly layer: number
  readonly hook: string
  readonly features: number
  readonly bias: number
  readonly error: number
  readonly sum: number
  readonly entries: readonly {
    readonly feature: number
    readonly activation: number
    readonly effect: number
  }[]
}
