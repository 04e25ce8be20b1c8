// What the experiment finds, as it stands in results.json; hence the snake_case.
import type { ByRelation, CosineStatistics } from './similarity.ts'
import type { Specialist } from './specialists.ts'
import type { SymbolShare } from './token-kinds.ts'

/** The cells' resemblance: of the tokens themselves, or of one layer's features. Cells stand in the order of `cellNames`. */
export interface Resemblance {
  readonly cosine: CosineStatistics
  /** Of the `top` strongest features of two cells, how many both have, of all that either has. */
  readonly jaccard: ByRelation & { readonly top: number }
  /** [cells][cells] */
  readonly cosines: readonly (readonly number[])[]
  readonly overlaps: readonly (readonly number[])[]
}

/** A specialist and where it fires. */
export type LocatedSpecialist = Specialist & {
  /** How much of its activation, in the texts it is a specialist for, falls on symbols, and how many of their tokens are symbols. */
  readonly symbols: SymbolShare
  /** On which it fires most. */
  readonly token: string
}

export interface LayerResult extends Resemblance {
  readonly layer: number
  readonly threshold: number
  readonly specialists: readonly LocatedSpecialist[]
  /**
   * Of the specialists found in single cells, the mean share of texts above the threshold: in the topic's texts of other
   * forms (topic) or the form's texts of other topics (form), and in the texts that share neither what it stands for.
   */
  readonly transfer: Readonly<Record<'topic' | 'form', Transfer>>
}

/** Null where there is no specialist. */
export interface Transfer {
  readonly elsewhere: number | null
  readonly outside: number | null
}

/** The verdict on a layer: which of the two its features follow, or why none can be named. */
export type Verdict = 'surface form' | 'idea' | 'both' | 'neither' | 'undecided' | 'too few shuffles'

export interface Answer {
  readonly layer: number | null
  readonly verdict: Verdict
  /** The verdict in a plain sentence, and the numbers behind it in another. */
  readonly sentence: string
  readonly figures: string
}
