// Searches the features of all layers: by the tokens that they fire on or promote, or by what they do on a text.
import type { LayerIndex } from './corpus-shape.ts'
import { PAGE, type LibraryQuery } from './library-query.ts'

/** Higher than the rank of any whole token. */
const PARTS = 1000

/** A feature that was found. */
export interface LibraryRow {
  readonly layer: number
  readonly feature: number
  readonly density: number
  /** 0 for one that fires nowhere in the corpus. */
  readonly max: number
  readonly fires: readonly string[]
  readonly promoted: readonly string[]
  /** Where a text was searched: its highest activation there, and on which token. */
  readonly inText: { readonly activation: number; readonly token: string } | null
}

export interface LibraryPage {
  readonly query: LibraryQuery
  readonly total: number
  /** The number of the first row among all, from 0; the query's page, or the last page if there are fewer. */
  readonly first: number
  readonly rows: readonly LibraryRow[]
}

/** By layer and feature: the highest activation in a text, and its token. */
export type InText = readonly ReadonlyMap<number, { readonly activation: number; readonly token: string }>[]

/** A layer's index, and what a search has prepared from it. */
export interface Searchable {
  readonly index: LayerIndex
  readonly lower: { readonly fires: readonly LowerTokens[]; readonly promotes: readonly LowerTokens[] }
}

/** A feature's tokens in lower case: joined in one string, which is searched first, and one by one. */
interface LowerTokens {
  readonly lines: string
  readonly tokens: readonly string[]
}

export function searchable(index: LayerIndex): Searchable {
  const lower = (lists: LayerIndex['fires']): LowerTokens[] =>
    lists.map((list) => {
      const tokens = list.map((token) => token.toLowerCase())
      return { lines: tokens.join('\n'), tokens }
    })
  return { index, lower: { fires: lower(index.fires), promotes: lower(index.promoted) } }
}

interface Hit {
  readonly layer: number
  readonly feature: number
  /** The lower, the better the match. */
  readonly rank: number
}

/** @param layers by number; those not asked for may be missing @param inText where the query is a text */
export function searchLibrary(
  layers: ReadonlyMap<number, Searchable>,
  query: LibraryQuery,
  inText: InText | null,
): LibraryPage {
  const hits = [...layers].flatMap(([layer, of]) =>
    inText === null ? tokenHits(layer, of, query) : textHits(layer, inText),
  )
  sort(hits, query, layers)
  const last = Math.max(0, Math.ceil(hits.length / PAGE) - 1)
  const first = PAGE * Math.min(query.page, last)
  const rows = hits.slice(first, first + PAGE).map(({ layer, feature }): LibraryRow => {
    const { density, max, fires, promoted } = layers.get(layer)!.index
    return {
      ...{ layer, feature, density: density[feature], max: max[feature] },
      ...{ fires: fires[feature], promoted: promoted[feature] },
      inText: inText?.[layer].get(feature) ?? null,
    }
  })
  return { query, total: hits.length, first, rows }
}

/** Whole tokens match better than parts of them, and a feature's first tokens better than its last. */
function tokenHits(layer: number, { lower }: Searchable, { by, words }: LibraryQuery): Hit[] {
  const wanted = words.toLowerCase()
  const bare = wanted.trim()
  const features = by === 'promotes' ? lower.promotes : lower.fires
  if (wanted === '') return features.map((_, feature) => ({ layer, feature, rank: 0 }))
  const hits: Hit[] = []
  for (const [feature, { lines, tokens }] of features.entries()) {
    if (!lines.includes(wanted)) continue
    const whole = tokens.findIndex((token) => token.trim() === bare)
    const part = tokens.findIndex((token) => token.includes(wanted))
    if (part >= 0) hits.push({ layer, feature, rank: whole >= 0 ? whole : PARTS + part })
  }
  return hits
}

function textHits(layer: number, inText: InText): Hit[] {
  return Array.from(inText[layer], ([feature, { activation }]) => ({ layer, feature, rank: -activation }))
}

function sort(hits: Hit[], { order }: LibraryQuery, layers: ReadonlyMap<number, Searchable>): void {
  const by = (name: 'density' | 'max', { layer, feature }: Hit): number =>
    layers.get(layer)!.index[name][feature]
  const key: Record<LibraryQuery['order'], (hit: Hit) => number> = {
    best: ({ rank }) => rank,
    number: () => 0,
    frequent: (hit) => -by('density', hit),
    rare: (hit) => by('density', hit) || Infinity, // those that fire nowhere are last
    strong: (hit) => -by('max', hit),
  }
  const of = key[order]
  const keyed = hits.map((hit) => ({ hit, key: of(hit) }))
  keyed.sort((a, b) =>
    a.key === b.key ? a.hit.layer - b.hit.layer || a.hit.feature - b.hit.feature : a.key - b.key,
  )
  for (const [i, { hit }] of keyed.entries()) hits[i] = hit
}
