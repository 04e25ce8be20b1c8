// The library of features, packed from a corpus's result into files for the page.
import type { CorpusFeature, ExampleRow } from '../../lab/analysis/corpus/corpus-format.ts'
import type { Corpus } from '../../lab/analysis/corpus/corpus-node.ts'
import {
  CHUNK,
  type CardExample,
  type CardInterval,
  type CorpusCard,
  type CorpusFiles,
  type LayerIndex,
} from '../corpus-shape.ts'
import { zipJson } from '../gzip.ts'
import type { FileFacts } from '../file-facts.ts'

/** How many of the strongest firings the page has, and how many of those drawn from each interval. */
const STRONGEST = 5
const DRAWN = 3

type Carry = (name: string, content: Uint8Array) => FileFacts

/** @param layers in the order in which the page counts them @param carry takes a file along */
export async function packCorpus(
  { manifest, features }: Corpus,
  layers: readonly number[],
  bundled: boolean,
  carry: Carry,
): Promise<CorpusFiles> {
  const { tokens, documents } = manifest.texts
  const files: CorpusFiles['layers'][number][] = []
  for (const layer of layers) {
    const index: Record<keyof LayerIndex, unknown[]> = { density: [], max: [], fires: [], promoted: [] }
    const cards: FileFacts[] = []
    for (let from = 0; ; from += CHUNK) {
      const found = await features(layer, from, from + CHUNK)
      if (found.length === 0) break
      for (const { row, examples } of found) {
        index.density.push(exact(row.density))
        index.max.push(exact(row.max ?? 0))
        index.fires.push(firedOn(examples))
        index.promoted.push(row.promoted)
      }
      const packed = found.map((one) => cardOf(one, manifest.bin_edges))
      cards.push(carry(`layer${layer}.cards${from / CHUNK}.bin`, await zipJson(packed)))
    }
    files.push({ index: carry(`layer${layer}.index.bin`, await zipJson(index)), cards })
  }
  return { facts: { tokens, documents, bundled }, layers: files }
}

/** Enough digits to tell float32 numbers apart. */
const exact = (value: number): number => Number(value.toPrecision(9))

/** The digits that a mark shows on hover: most numbers are of these. */
const shown = (value: number): number => Number(value.toPrecision(3))

function firedOn(examples: readonly ExampleRow[]): string[] {
  const strongest = examples.toSorted((a, b) => b.activation - a.activation)
  return [...new Set(strongest.map(({ tokens, at }) => tokens[at]))].filter((token) => token !== '')
}

function cardOf({ row, examples }: CorpusFeature, edges: readonly number[]): CorpusCard {
  const effects = (tokens: readonly string[], logits: ArrayLike<number>) =>
    tokens.map((token, i) => ({ token, logit: exact(logits[i]) }))
  const { density, mean, max, partners, token } = row
  return {
    row: {
      ...{ firings: Number(row.firings), density, mean, max, token },
      ...{ partners: [...partners], partners_correlation: Array.from(row.partners_correlation, exact) },
    },
    promoted: effects(row.promoted, row.promoted_logits),
    suppressed: effects(row.suppressed, row.suppressed_logits),
    histogram: heldBins(row.histogram.map(Number), edges),
    intervals: [...Map.groupBy(examples, ({ interval }) => interval).values()].map(intervalOf),
  }
}

function heldBins(counts: readonly number[], edges: readonly number[]): CorpusCard['histogram'] {
  const first = counts.findIndex((count) => count > 0)
  if (first < 0) return { edges: [], counts: [] }
  const end = counts.findLastIndex((count) => count > 0) + 1
  return { edges: edges.slice(first, end + 1), counts: counts.slice(first, end) }
}

function intervalOf(all: readonly ExampleRow[]): CardInterval {
  const [{ interval, interval_from, interval_to, interval_firings: firings }] = all
  return {
    ...{ interval, interval_from: exact(interval_from), interval_to: exact(interval_to) },
    interval_firings: firings === null ? null : Number(firings),
    examples: all.slice(0, interval === 0 ? STRONGEST : DRAWN).map(exampleOf),
  }
}

function exampleOf({ label, file, row, at, tokens, activations }: ExampleRow): CardExample {
  const firing = Array.from(activations).flatMap((value, place) => (value > 0 ? [place, shown(value)] : []))
  return { label, file, row, at, tokens, firing }
}
