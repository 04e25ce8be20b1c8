// Documents of a CSV or TSV file, streamed: a bad record is a fault, and reading goes on at the line after its first.
import { CsvError, parse } from 'csv-parse/sync'
import { documentOf, LARGEST_DOCUMENT, NOT_UTF8, TOO_LARGE, utf8, type Columns, type Found } from './found.ts'
import { linesOf, type Line } from './lines.ts'

const QUOTE = 0x22

/** The columns are named in the first line, which also says whether commas, semicolons or tabs separate fields. */
export async function* readCsv(path: string, columns: Columns, fromRow: number): AsyncGenerator<Found> {
  let header: string[] | undefined
  let delimiter = ','
  for await (const { lines, fault } of recordsOf(path, (text) => header && parseRecord(text, delimiter))) {
    const [{ row, read, bytes }] = lines
    const place = { row, read }
    if (!header) {
      const first = bytes ? new TextDecoder().decode(bytes) : ''
      delimiter = [',', ';', '\t'].find((mark) => first.includes(mark)) ?? ','
      header = headerOf(first, delimiter)
      if (header.filter((name) => name === columns.text).length === 1) continue
      const found = JSON.stringify(header.join(','))
      const fault = `expected one column "${columns.text}" among the names in the first row, found ${found}`
      yield { ...place, fault }
      return
    }
    if (row < fromRow) continue
    if (fault !== undefined) yield { ...place, fault }
    else {
      const fields = parseRecord(textOf(lines), delimiter)
      if (fields) yield recordDocument(header, fields, columns, place)
    }
  }
}

function headerOf(line: string, delimiter: string): string[] {
  try {
    return parseRecord(line, delimiter)?.map((name) => name.trim()) ?? []
  } catch {
    return line.split(delimiter)
  }
}

function recordDocument(
  header: readonly string[],
  fields: readonly string[],
  columns: Columns,
  place: { row: number; read: number },
): Found {
  if (fields.length !== header.length) {
    const fault = `${fields.length} fields, the header has ${header.length}: put a text that holds commas in quotes`
    return { ...place, fault }
  }
  return documentOf((name) => fields[header.indexOf(name)], columns, place)
}

interface RecordLines {
  /** At least one. */
  readonly lines: readonly Line[]
  /** Why its first line does not begin a record. */
  readonly fault?: string
}

/**
 * A record ends with the first line after which all its quotes have partners. If that is not a record, its first line is
 * bad by itself, and those after it are looked at again.
 */
async function* recordsOf(path: string, check: (text: string) => unknown): AsyncGenerator<RecordLines> {
  let waiting: Line[] = []
  const take = function* (atEnd: boolean): Generator<RecordLines> {
    for (
      let end = wholeRecord(waiting);
      end > 0 || (atEnd && waiting.length > 0);
      end = wholeRecord(waiting)
    ) {
      const lines = waiting.slice(0, end || 1)
      const fault = end === 0 ? 'an unmatched double quote' : faultOf(lines, check)
      const taken = fault === undefined ? lines.length : 1
      waiting = waiting.slice(taken)
      yield { lines: lines.slice(0, taken), fault }
    }
  }
  let [open, size] = [false, 0]
  for await (const line of linesOf(path)) {
    waiting.push(line)
    open = open !== (quotesIn(line) % 2 === 1)
    size += line.bytes?.length ?? Infinity
    if (open && size <= LARGEST_DOCUMENT) continue
    yield* take(false)
    open = waiting.length > 0 // the rest waits for a partner of its last quote
    size = waiting.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0)
  }
  yield* take(true)
}

/** How many of the lines form the first record; 0 if it goes on. */
function wholeRecord(lines: readonly Line[]): number {
  let quotes = 0
  let size = 0
  for (const [i, line] of lines.entries()) {
    if (line.bytes === undefined) return i + 1
    quotes += quotesIn(line)
    size += line.bytes.length
    if (quotes % 2 === 0 || size > LARGEST_DOCUMENT) return i + 1
  }
  return 0
}

function quotesIn({ bytes = new Uint8Array() }: Line): number {
  let quotes = 0
  for (let at = bytes.indexOf(QUOTE); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) quotes++
  return quotes
}

function faultOf(lines: readonly Line[], check: (text: string) => unknown): string | undefined {
  const size = lines.reduce((sum, { bytes }) => sum + (bytes?.length ?? Infinity), 0)
  if (lines[0].bytes === undefined || size > LARGEST_DOCUMENT)
    return lines.length > 1 ? 'an unmatched double quote' : TOO_LARGE
  try {
    check(textOf(lines))
    return undefined
  } catch (error) {
    if (error instanceof TypeError) return NOT_UTF8
    if (error instanceof CsvError && error.code === 'CSV_INVALID_CLOSING_QUOTE')
      return 'text after a closing quote: put the text in quotes and double those inside it'
    if (error instanceof CsvError) return 'a double quote inside a text that does not start with one'
    throw error
  }
}

const textOf = (lines: readonly Line[]): string => lines.map(({ bytes }) => utf8(bytes!)).join('\n')

/** A record's fields; undefined for a blank line. */
function parseRecord(text: string, delimiter: string): string[] | undefined {
  if (text.replace('\r', '') === '') return undefined
  const options = { delimiter, relax_column_count: true, bom: true, record_delimiter: ['\r\n', '\n'] }
  const [fields]: string[][] = parse(text, options)
  return fields
}
