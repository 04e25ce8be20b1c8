// What a corpus says about the features, in files beside the page: for each layer an index to search, and cards in chunks.
import type { TokenEffect } from '../lab/analysis/features/feature-dashboard.ts'
import type { ShownExample, ShownInCorpus } from '../lab/report/corpus-part.ts'
import type { FileFacts } from './file-facts.ts'

/** What was read. */
export interface CorpusFacts {
  readonly tokens: number
  readonly documents: number
  /** Whether it is the bundled texts, about which the cards say more. */
  readonly bundled: boolean
}

/** The files of a corpus, each of zipped JSON. */
export interface CorpusFiles {
  readonly facts: CorpusFacts
  /** By layer: a LayerIndex, and files with the CorpusCard of `CHUNK` features each. */
  readonly layers: readonly { readonly index: FileFacts; readonly cards: readonly FileFacts[] }[]
}

/** Features whose cards share a file. */
export const CHUNK = 128

/** What all features of a layer are found and sorted by; lists are indexed by the feature's number. */
export interface LayerIndex {
  readonly density: readonly number[]
  /** 0 for a feature that fires nowhere. */
  readonly max: readonly number[]
  /** Tokens that it fires on in its examples, starting with that of the strongest firing. */
  readonly fires: readonly (readonly string[])[]
  /** The tokens that its direction promotes most, the most promoted first. */
  readonly promoted: readonly (readonly string[])[]
}

/** A feature over the corpus. */
export interface CorpusCard {
  readonly row: ShownInCorpus['row'] & { readonly firings: number; readonly token: string | null }
  readonly promoted: readonly Effect[]
  readonly suppressed: readonly Effect[]
  /** Firings between edges, two per octave; empty if it never fires. */
  readonly histogram: { readonly edges: readonly number[]; readonly counts: readonly number[] }
  /** The strongest firings, then those drawn from each interval. */
  readonly intervals: readonly CardInterval[]
}

type Effect = Pick<TokenEffect, 'token' | 'logit'>

export type CardInterval = Pick<ShownExample, 'interval' | 'interval_from' | 'interval_to'> & {
  readonly interval_firings: number | null
  readonly examples: readonly CardExample[]
}

/**
 * The feature is silent on most tokens of an example. `firing`: [place, activation, place, activation, ...], places counted from 0,
 * activations to the three digits that are shown
 */
export type CardExample = Pick<ShownExample, 'label' | 'file' | 'row' | 'at' | 'tokens'> & {
  readonly firing: readonly number[]
}

/** As the parts of a card and of a report show it. */
export function shownInCorpus({ row, intervals }: CorpusCard, texts: CorpusFacts): ShownInCorpus {
  const examples = intervals.flatMap(({ examples, ...interval }) =>
    examples.map(({ firing, ...example }) => {
      const activations = new Float64Array(example.tokens.length)
      for (let i = 0; i < firing.length; i += 2) activations[firing[i]] = firing[i + 1]
      return { ...interval, ...example, activations, activation: activations[example.at] }
    }),
  )
  return { row, examples, manifest: { texts } }
}
