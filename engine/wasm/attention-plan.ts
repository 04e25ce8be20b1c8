// How attention is cut into tiles of queries, and the memory that takes. No code is emitted here: workers load it.
import type { TextSpan } from '../backend.ts'
import { TILE_ROWS } from './tile-sizes.ts'

/** Queries that share each load of a key or value. */
export const QUERIES = TILE_ROWS

/** So few read a text's values faster from where they lie. */
const FEW_QUERIES = 2

/** Words that say what a tile of queries is: see planOf. */
export const PLAN_WORDS = 7

/**
 * The tiles of queries, as words: first query, queries, its text's first key, the text's keys, how many keys the first
 * query may look at, and how many lie before the tile's place in the text. Each of the tile's queries sums over those
 * first, which all of them may look at, then over its last ones by itself. Tiles begin at every sixth place of a text,
 * not at its first new query, so that a query is summed alike whether it comes with others or, by a cache, alone.
 * The seventh word says whether the text's values are packed: worth it where several queries read them, and needed
 * where a head is no whole number of panels.
 */
export function planOf(texts: readonly TextSpan[], wholePanels: boolean): number[] {
  const words: number[] = []
  let [firstQuery, firstKey] = [0, 0]
  for (const { queries, keys } of texts) {
    const past = keys - queries
    const packed = queries > FEW_QUERIES || !wholePanels ? 1 : 0
    for (let place = past; place < keys;) {
      const before = place - (place % QUERIES)
      const end = Math.min(before + QUERIES, keys)
      words.push(firstQuery + place - past, end - place, firstKey, keys, place + 1, before, packed)
      place = end
    }
    firstQuery += queries
    firstKey += keys
  }
  return words
}

/** A chunk's own memory: a text's packed keys, then, at these bytes, its packed values and the rows of scores. */
export interface Workspace {
  readonly values: number
  readonly scores: number
  readonly scoreStride: number // from row to row
  readonly bytes: number
}

/** Scores are written four panels at a time, and rows are kept from starting at the same place of the cache. */
export function workspace(longest: number, dHead: number, panel: number): Workspace {
  const roundUp = (count: number, to: number) => Math.ceil(count / to) * to
  const values = roundUp(longest, panel) * dHead * 4
  const scores = values + longest * roundUp(dHead, panel) * 4
  const scoreStride = (roundUp(longest, 4 * panel) + 16) * 4
  return { values, scores, scoreStride, bytes: scores + QUERIES * scoreStride }
}
