// A query to the library of features, and how a link holds it.

/** How features are looked for, and in which order they are listed: `best`, what fits the query best first. */
export const BY = ['fires', 'promotes', 'text'] as const
export const ORDERS = ['best', 'number', 'frequent', 'rare', 'strong'] as const

export interface LibraryQuery {
  /** null: all. */
  readonly layer: number | null
  /** The token that a feature fires on, one that it promotes, or a text in which it fires. */
  readonly by: (typeof BY)[number]
  readonly order: (typeof ORDERS)[number]
  /** Counted from 0. */
  readonly page: number
  /** Empty: all features. */
  readonly words: string
}

/** Features per page. */
export const PAGE = 20

/** In UTF-16 units; the model's positions end before that. */
export const LONGEST_WORDS = 2000

export const ALL: LibraryQuery = { layer: null, by: 'fires', order: 'best', page: 0, words: '' }

export function writeQuery({ layer, by, order, page, words }: LibraryQuery): string {
  return [layer ?? 'all', by, order, page, words].join('-')
}

/** Undefined if it is not understood. */
export function readQuery(written: string): LibraryQuery | undefined {
  const [, layer, by, order, page, words] =
    /^(all|\d{1,6})-([a-z]+)-([a-z]+)-(\d{1,6})-([^]*)$/.exec(written) ?? []
  const known = { by: BY.find((one) => one === by), order: ORDERS.find((one) => one === order) }
  if (known.by === undefined || known.order === undefined) return undefined
  return {
    ...{
      layer: layer === 'all' ? null : Number(layer),
      by: known.by,
      order: known.order,
      page: Number(page),
    },
    words: cleanWords(words),
  }
}

export function cleanWords(words: string): string {
  return words.replace(/\r\n?/g, '\n').slice(0, LONGEST_WORDS).toWellFormed()
}
