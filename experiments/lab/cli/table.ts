// Tables for the terminal, and text made safe to print there.
import Table from 'cli-table3'

/**
 * A table for the terminal, without colours: rules above and below, columns of numbers right-aligned.
 * Numbers are printed as they are; round them before, with `toFixed`.
 */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  // An empty cell or a dash stands for a number that does not exist.
  const isNumeric = (cell: string | number) => /^(|[–-]|[-+−]?[\d.,]+ ?%?)$/.test(String(cell))
  const table = new Table({
    head: head.map(visible),
    colAligns: head.map((_, column) => (rows.every((row) => isNumeric(row[column])) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  })
  for (const row of rows) table.push(row.map((cell) => visible(String(cell))))
  return table.toString()
}

/** Text with its control characters as pictures (␊, ␛), so that no text of a data set can steer a terminal. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    const code = character.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '␡' : '\ufffd'
  })
}
