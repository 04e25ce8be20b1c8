// Texts with their categories from CSV. Its parser wants Node's Buffer: no page reads this file.
import { CsvError, parse } from 'csv-parse/sync'
import { checked, type LabelledText, type Least } from './texts.ts'

/**
 * Texts from CSV (RFC 4180) with the columns `category` and `text`, named in its first row; other columns and
 * blank lines are ignored. The header says whether commas, semicolons or tabs separate the fields.
 * @throws if a column is missing, a row has another number of fields than the first, a quote stands where none may (with
 *   line and field), or the texts are not as `parseJsonTexts` wants them
 */
export function parseCsvTexts(source: string, least?: Least): LabelledText[] {
  const [header = [], ...rows] = csvRows(source)
  const category = columnOf(header, 'category')
  const text = columnOf(header, 'text')
  const found = rows.flatMap((row, index) => {
    if (row.length === 1 && row[0] === '') return []
    const where = `row ${index + 2}`
    if (row.length !== header.length)
      throw new Error(
        `${where} has ${row.length} fields, the header ${header.length}: put a text that holds commas in quotes`,
      )
    return [{ category: row[category], text: row[text], where }]
  })
  return checked(found, least)
}

function csvRows(source: string): string[][] {
  const [header] = source.split(/\r?\n/, 1)
  const delimiter = [',', ';', '\t'].find((mark) => header.includes(mark)) ?? ','
  const options = { delimiter, relax_column_count: true, record_delimiter: ['\r\n', '\n', '\r'] }
  try {
    return parse(source, options)
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause
    // The parser counts a CRLF inside quotes as two lines.
    if (source.includes('\r\n')) return csvRows(source.replaceAll('\r\n', '\n'))
    throw new Error(csvFault(cause), { cause })
  }
}

const QUOTES = 'put the text in quotes and double those inside it'

function csvFault({ code, ...place }: CsvError): string {
  const { lines, column, records } = place as unknown as { lines: number; column: number; records: number }
  if (code === 'CSV_QUOTE_NOT_CLOSED') return `row ${records + 1}: an unmatched double quote: ${QUOTES}`
  const at = `line ${lines}, field ${column + 1}`
  return code === 'CSV_INVALID_CLOSING_QUOTE'
    ? `${at}: text after a closing quote: ${QUOTES}`
    : `${at}: a double quote inside a text that does not start with one: ${QUOTES}`
}

function columnOf(header: readonly string[], name: string): number {
  const names = header.map((column) => column.trim())
  const index = names.indexOf(name)
  if (index < 0 || names.lastIndexOf(name) !== index)
    throw new Error(
      `expected one column "${name}" among the names in the first row, found ${JSON.stringify(header.join(','))}`,
    )
  return index
}
