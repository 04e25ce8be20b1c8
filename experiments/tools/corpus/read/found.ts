// What a reader finds, one item after another, in the order of the file.

/** A document, or what is wrong with a place where one was expected. */
export type Found = FoundDocument | Fault

interface Place {
  /** From 1: the line of a .jsonl or .csv, the row of a .parquet, the text of a .json. A .txt has only row 1. */
  readonly row: number
  /** Bytes of the file that were read when it was found. */
  readonly read: number
}

export interface FoundDocument extends Place {
  readonly text: string
  /** What its label column says; undefined if it says nothing. */
  readonly label?: string
}

export interface Fault extends Place {
  readonly fault: string
}

/** Which columns, or keys, hold a document's text and its label. */
export interface Columns {
  readonly text: string
  readonly label: string
}

/** A document is held in memory while it is cut: anything larger was not meant as one document, and counts as bad input. */
export const LARGEST_DOCUMENT = 2 ** 24

export const TOO_LARGE = `more than ${LARGEST_DOCUMENT} bytes (16 MiB): split it into several documents`
export const NOT_UTF8 = 'not valid UTF-8'

/** Throws if the bytes are not UTF-8. A byte order mark at the beginning is left out. */
export function utf8(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
}

/** The text and label of a record, or what is wrong with it. */
export function documentOf(
  field: (name: string) => unknown,
  { text: textColumn, label: labelColumn }: Columns,
  place: Place,
): Found {
  const text = field(textColumn)
  if (typeof text !== 'string') {
    const found = text === undefined ? 'nothing' : text === null ? 'null' : `${typeof text}`
    return { ...place, fault: `expected a string as "${textColumn}", found ${found}` }
  }
  if (text.trim() === '') return { ...place, fault: `its "${textColumn}" is empty` }
  if (text.length > LARGEST_DOCUMENT) return { ...place, fault: TOO_LARGE }
  const label = field(labelColumn)
  const named = typeof label === 'number' || typeof label === 'bigint' || typeof label === 'boolean'
  const shown = named ? String(label) : typeof label === 'string' ? label.trim() : ''
  return { ...place, text, ...(shown !== '' && { label: shown }) }
}
