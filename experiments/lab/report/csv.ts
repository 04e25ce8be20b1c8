// Results as CSV (RFC 4180).
type Cell = string | number | boolean | null | undefined

/**
 * A text that begins like a formula gets an apostrophe before it, so that no spreadsheet runs it (OWASP, CSV injection);
 * numbers stand as they are.
 * @param head the columns' names, separated by commas; what does not exist is an empty field
 */
export function csv(head: string, rows: readonly (readonly Cell[])[]): string {
  return [head, ...rows.map((row) => row.map(field).join(','))].join('\n') + '\n'
}

function field(cell: Cell): string {
  const text = typeof cell === 'string' && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : String(cell ?? '')
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
