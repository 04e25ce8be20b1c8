// Texts with their categories: JSON and lines, and the checks that all formats share. Pages read it too.
import { readJson, type Json } from './json.ts'

/** A text and the category it stands for. Its place in an array of texts is its row in the features. */
export interface LabelledText {
  readonly category: string
  readonly text: string
}

/** A text as it was found, before the checks, and where: `row 7`, `text 3 of "Math"`. */
interface FoundText extends LabelledText {
  readonly where: string
}

/** How many categories there must be: two, unless nothing compares them. */
export interface Least {
  readonly leastCategories?: number
}

const JSON_SHAPES = '{ category: [text, ...], ... } or [{ "category": ..., "text": ... }, ...]'

/** The categories of texts, or of anything that has one, in order of first appearance. */
export function categoriesOf(texts: readonly Pick<LabelledText, 'category'>[]): string[] {
  return [...new Set(texts.map(({ category }) => category))]
}

const GROUPS_SHOWN = 10

/**
 * `the same text in rows 1, 4; 2, 7 (from 1)`: which texts are the same, whatever their categories; undefined where none are. Texts that
 * count twice make chance look rarer than it is.
 */
export function identicalTexts(texts: readonly LabelledText[]): string | undefined {
  const groups = Map.groupBy(texts.keys(), (row) => texts[row].text)
  const same = [...groups.values()].filter((rows) => rows.length > 1)
  if (same.length === 0) return undefined
  const shown = same.slice(0, GROUPS_SHOWN).map((rows) => rows.map((row) => row + 1).join(', '))
  const more = same.length > GROUPS_SHOWN ? `; and ${same.length - GROUPS_SHOWN} more` : ''
  return `the same text in rows ${shown.join('; ')}${more} (from 1)`
}

/**
 * The texts of `{ category: [text, ...], ... }`, category by category. JavaScript puts keys that are whole
 * numbers first; `parseJsonTexts` keeps a file's order.
 * @throws as `parseJsonTexts` does
 */
export function fromCategories(record: Readonly<Record<string, readonly string[]>>): LabelledText[] {
  return checked(Object.entries(record).flatMap(([category, texts]) => textsOf(category, [...texts])))
}

/**
 * Texts from JSON: an object of category -> array of texts, or an array of `{ category, text }`, whose other
 * fields are ignored. Texts are kept to the last space; category names lose the spaces around them.
 * @throws if the source is not JSON (with line and column), has another shape, or holds an empty category, a
 *   blank text, the same category twice or in two spellings, or fewer than two categories
 */
export function parseJsonTexts(
  source: string,
  { allowTrailingComma = false, ...least }: Least & { allowTrailingComma?: boolean } = {},
): LabelledText[] {
  const value = readJson(source, { allowTrailingComma })
  if (value instanceof Map)
    return checked(
      [...value].flatMap(([category, texts]) => textsOf(category, texts)),
      least,
    )
  if (Array.isArray(value))
    return checked(
      value.map((entry, index) => textOfEntry(entry, `entry ${index + 1}`)),
      least,
    )
  throw new Error(`expected ${JSON_SHAPES}, found ${kindOf(value)}`)
}

/**
 * Texts from JSON lines: an object `{ category, text }` a line, blank lines left out.
 * @throws as `parseJsonTexts` does
 */
export function parseJsonLinesTexts(source: string, least?: Least): LabelledText[] {
  const found = source.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    return [textOfEntry(readJson(line, { firstLine: index + 1 }), `line ${index + 1}`)]
  })
  return checked(found, least)
}

/**
 * Texts from one source of lines per category: one text per line, blank lines left out. A line loses its end (LF or
 * CRLF) and nothing else.
 * @throws if the texts are not as `parseJsonTexts` wants them
 */
export function parseLineTexts(
  sources: readonly { category: string; source: string }[],
  least?: Least,
): LabelledText[] {
  const found = sources.flatMap(({ category, source }) => {
    const lines = source.split(/\r?\n/).filter((line) => line.trim() !== '')
    return textsOf(category, lines)
  })
  return checked(found, least)
}

function textsOf(category: string, texts: Json): FoundText[] {
  const name = JSON.stringify(category)
  if (!Array.isArray(texts))
    throw new Error(`category ${name}: expected an array of texts, found ${kindOf(texts)}`)
  if (texts.length === 0) throw new Error(`category ${name} holds no text: give it one or leave it out`)
  return texts.map((text, index) => {
    const where = `text ${index + 1} of ${name}`
    if (typeof text !== 'string') throw new Error(`${where}: expected a string, found ${kindOf(text)}`)
    return { category, text, where }
  })
}

function textOfEntry(entry: Json, where: string): FoundText {
  if (!(entry instanceof Map))
    throw new Error(`${where}: expected { "category": ..., "text": ... }, found ${kindOf(entry)}`)
  const field = (name: string): string => {
    const value = entry.get(name)
    if (typeof value !== 'string')
      throw new Error(`${where}: expected a string as "${name}", found ${kindOf(value)}`)
    return value
  }
  return { category: field('category'), text: field('text'), where }
}

/** The texts without their places, their categories trimmed, after the checks that all formats share. */
export function checked(found: readonly FoundText[], { leastCategories = 2 }: Least = {}): LabelledText[] {
  const spellings = new Map<string, string>()
  const texts = found.map(({ category: spelling, text, where }) => {
    const category = spelling.trim()
    if (category === '') throw new Error(`${where}: its category has no name`)
    const known = spellings.get(category) ?? spelling
    if (known !== spelling)
      throw new Error(
        `${where}: the categories ${JSON.stringify(known)} and ${JSON.stringify(spelling)} differ only in the spaces around them`,
      )
    spellings.set(category, spelling)
    if (text.trim() === '') throw new Error(`${where} is empty`)
    return { category, text }
  })
  if (spellings.size === 0)
    throw new Error(
      `no categories: at least ${leastCategories === 1 ? 'one is' : 'two are'} needed, each with its texts`,
    )
  if (spellings.size < leastCategories)
    throw new Error(
      `only one category, ${JSON.stringify(texts[0].category)}: at least two are needed, as a score compares one with the others`,
    )
  return texts
}

function kindOf(value: Json | undefined): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Map) return 'an object'
  return typeof value === 'string'
    ? `the string ${JSON.stringify(value.slice(0, 40))}`
    : `${typeof value} ${value}`
}
