// The matched texts of the experiment, and how they are related.
import type { LabelledText } from '../lab/texts/texts.ts'

/**
 * The texts are matched: every idea of a topic is written in every form, say as a formula, in words and as code. Rows are
 * in order of topic, then form, then idea, so that a cell (a topic in a form) is a run of `ideas` rows.
 */
export interface Design {
  readonly topics: readonly string[]
  readonly forms: readonly string[]
  /** How many ideas a topic has, and so how many texts a cell. */
  readonly ideas: number
  /** topics x forms */
  readonly cells: number
  /** [topics x forms x ideas] */
  readonly texts: readonly string[]
}

/** Texts by topic and form; the i-th texts of a topic's forms say the same. */
type MatchedTexts = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

/**
 * @throws naming topic and form if the topics differ in their forms or the forms in their number of texts, or if there are
 *   fewer than two of topics, forms or ideas: with one, nothing can be compared
 */
export function createDesign(matched: MatchedTexts): Design {
  const topics = Object.keys(matched)
  const forms = Object.keys(matched[topics[0]] ?? {})
  const ideas = matched[topics[0]]?.[forms[0]]?.length ?? 0
  if (Math.min(topics.length, forms.length, ideas) < 2)
    throw new Error(
      `matched texts: ${topics.length} topics, ${forms.length} forms and ${ideas} ideas a topic: at least two of each are needed`,
    )
  const texts = topics.flatMap((topic) => {
    const found = Object.keys(matched[topic])
    if (found.join() !== forms.join())
      throw new Error(`matched texts: ${topic} has the forms ${found.join(', ')}, not ${forms.join(', ')}`)
    return forms.flatMap((form) => {
      const { length } = matched[topic][form]
      if (length !== ideas)
        throw new Error(
          `matched texts: ${topic} in ${form} has ${length} texts, expected ${ideas}: one for each idea, in the same order`,
        )
      return matched[topic][form]
    })
  })
  return { topics, forms, ideas, cells: topics.length * forms.length, texts }
}

/** How two different cells are related. */
export type Relation = 'idea' | 'form' | 'neither'

/** The relation of two cells, by number; null for a cell and itself. */
export function relationOf({ forms }: Design, a: number, b: number): Relation | null {
  if (a === b) return null
  if (topicOf(a, forms.length) === topicOf(b, forms.length)) return 'idea'
  return a % forms.length === b % forms.length ? 'form' : 'neither'
}

const topicOf = (cell: number, forms: number): number => Math.floor(cell / forms)

/** The number of each text's topic, form and cell (topic x forms + form). -> [texts] each */
export function labelsOf({ forms, ideas, texts }: Design): Record<'topic' | 'form' | 'cell', Uint32Array> {
  const cell = Uint32Array.from(texts, (_, row) => Math.floor(row / ideas))
  return {
    topic: cell.map((number) => topicOf(number, forms.length)),
    form: cell.map((number) => number % forms.length),
    cell,
  }
}

/** Each text with its cell's name as its category. */
export function labelledTexts(design: Design): LabelledText[] {
  const names = cellNames(design)
  return design.texts.map((text, row) => ({ category: names[Math.floor(row / design.ideas)], text }))
}

/** `geometry · symbols`, in order of number. */
export function cellNames({ topics, forms }: Design): string[] {
  return topics.flatMap((topic) => forms.map((form) => `${topic} · ${form}`))
}
