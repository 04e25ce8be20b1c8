// Tables for the terminal, and text made safe to print there.
import Table from 'cli-table3'
import { visibleLine } from './print.ts'

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
    head: head.map(visibleLine),
    colAligns: head.map((_, column) => (rows.every((row) => isNumeric(row[column])) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  })
  for (const row of rows) table.push(row.map((cell) => visibleLine(String(cell))))
  return table.toString()
}
