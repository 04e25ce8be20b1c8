// The data of the index: for each layer a summary of all its features, and their cards in chunks.
import type { CorpusFeature } from '../../../lab/analysis/corpus/corpus-format.ts'

/** What all features of a layer are looked up and sorted by; lists are indexed by the feature's number. */
export interface Summary {
  layer: number
  hook: string
  /** How many features a chunk of cards has, and a file of texts. */
  chunk: number
  texts: number
  density: number[]
  max: number[]
  /** The token of the strongest firing. */
  token: (string | null)[]
  /** Promoted tokens, as one text. */
  promoted: string[]
}

/** An example: where it is, its tokens, their activations; which one fires, and which interval it belongs to (0: the strongest). */
export interface IndexExample {
  interval: number
  from: number
  to: number
  place: string
  tokens: string[]
  activations: number[]
}

export interface IndexCard {
  feature: number
  firings: number
  mean: number
  promoted: string[]
  suppressed: string[]
  partners: [feature: number, correlation: number][]
  labels: [label: string, firings: number][]
  examples: IndexExample[]
}

/** How many features' cards are loaded together. */
export const CHUNK = 128
/** How many features a file of texts has: enough chunks that a search by text loads few files. */
export const TEXTS = 16 * CHUNK

export const summaryFile = (layer: number): string => `data/${layer}/summary.js`
export const chunkFile = (layer: number, chunk: number): string => `data/${layer}/${chunk}.js`
export const textsFile = (layer: number, part: number): string => `data/${layer}/texts-${part}.js`

const short = (value: number): number => Number(value.toPrecision(4))

/** A file of data. A page opened by file:// may not fetch, but may load a script: this one hands over its data. */
export function dataScript(key: string, value: Summary | IndexCard[] | string[]): string {
  return `corpusData(${JSON.stringify(key)}, ${JSON.stringify(value)})\n`
}

/** Half of the strongest; the others are in examples.parquet. */
const shownInIndex = ({ interval }: { interval: number }, place: number): boolean => interval > 0 || place < 5

export function cardOf({ row, examples }: CorpusFeature): IndexCard {
  return {
    feature: row.feature,
    firings: Number(row.firings),
    mean: short(row.mean ?? 0),
    ...{ promoted: row.promoted, suppressed: row.suppressed },
    partners: row.partners.map((partner, i) => [partner, short(row.partners_correlation[i])]),
    labels: row.labels.map((label, i) => [label, Number(row.label_firings[i])]),
    examples: examples.filter(shownInIndex).map((one) => ({
      ...{ interval: one.interval, from: short(one.interval_from), to: short(one.interval_to) },
      place: `${one.label === null ? '' : `${one.label} · `}${one.file}, row ${one.row}, token ${one.position}`,
      tokens: one.tokens,
      activations: Array.from(one.activations, short),
    })),
  }
}

/** What a search by text looks through: all examples, one per line. No query contains a line end. */
export const textOf = ({ examples }: IndexCard): string =>
  examples
    .map(({ tokens }) => tokens.join(''))
    .join('\n')
    .toLowerCase()
