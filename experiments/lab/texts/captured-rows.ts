// Which rows of captured activations belong to which text: metadata that `npm run capture` writes and `npm run analyse` reads.
import { readJson, type Json } from './json.ts'

/** The first row of a text, and the row after its last. */
type Rows = readonly [from: number, to: number]

/** The rows of texts that lie end to end. ids: of each text */
export function rowsOf(ids: readonly (readonly number[])[]): Rows[] {
  let row = 0
  return ids.map(({ length }) => [row, (row += length)])
}

/**
 * `rows`: those of each text, of which the first is BOS, as JSON, `[[0,12],[12,30]]`; `categories`: a name for each text,
 * as JSON.
 */
export function rowsMetadata(rows: readonly Rows[], categories?: readonly string[]): Record<string, string> {
  return {
    rows: JSON.stringify(rows),
    ...(categories && { categories: JSON.stringify(categories) }),
  }
}

/** The texts of a file; undefined where its metadata names none. @throws if they are not as `rowsMetadata` writes them */
export function readRows(
  metadata: ReadonlyMap<string, string>,
): { lengths: number[]; categories?: string[] } | undefined {
  const rows = metadata.get('rows')
  if (rows === undefined) return undefined
  let end = 0
  const lengths = listIn('rows', rows).map((range) => {
    const [from, to, ...more] = Array.isArray(range) ? range : []
    // At least BOS and a token.
    if (
      from !== end ||
      typeof to !== 'number' ||
      !Number.isSafeInteger(to) ||
      to < from + 2 ||
      more.length > 0
    )
      throw new Error(
        `metadata "rows": expected [${end}, a row from ${end + 2}], found ${JSON.stringify(range)}`,
      )
    end = to
    return to - from
  })
  const categories = metadata.get('categories')
  if (categories === undefined) return { lengths }
  return { lengths, categories: listIn('categories', categories).map(String) }
}

function listIn(key: string, json: string): Json[] {
  const value = readJson(json)
  if (!Array.isArray(value))
    throw new Error(`metadata "${key}": expected a JSON array, found ${json.slice(0, 40)}`)
  return value
}
