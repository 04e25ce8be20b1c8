// Tables for the terminal, and text made safe to print there.
import Table from 'cli-table3'
import { visibleLine } from './print.ts'

/** A cell; a list is one line per entry. */
export type TableCell = string | number | readonly string[]

type Row = readonly TableCell[]

/**
 * A table for the terminal, without colours: rules above and below, columns of numbers right-aligned. Where the table is wider than the terminal, it is cut into tables of fewer columns, the first in each of them; a
 * column too wide even so is wrapped. Numbers are printed as they are; round them before, with `toFixed`.
 */
export function formatTable(head: readonly string[], rows: readonly Row[], width = terminalWidth()): string {
  const all = [head, ...rows].map((row) => row.map(visibleCell))
  // With the rules beside it: a rule is one character wide everywhere, which cannot be said of text.
  const widths = head.map((_, column) => draw(all, [column]).indexOf('\n') - 2)
  return blocksOf(widths, width)
    .map((columns) => draw(all, columns, fitted(widths, columns, width)))
    .join('\n')
}

const LEAST_WIDTH = 20

/** The terminal's columns; as COLUMNS says, or without limit, where there is no terminal. */
function terminalWidth(): number {
  const asked = process.stdout.columns ?? Number(process.env.COLUMNS)
  return asked > 0 ? Math.max(LEAST_WIDTH, asked) : Infinity
}

const visibleCell = (cell: TableCell): string =>
  (typeof cell === 'object' ? cell : [String(cell)]).map(visibleLine).join('\n')

/** The columns of each table: all of them if they fit, else as many as do, and the first in each. */
function blocksOf([first, ...others]: readonly number[], width: number): number[][] {
  const blocks = [[0]]
  let room = width - first - 2
  for (const [i, needed] of others.entries()) {
    const block = blocks[blocks.length - 1]
    if (block.length > 1 && needed + 1 > room) {
      blocks.push([0, i + 1])
      room = width - first - 2
    } else block.push(i + 1)
    room -= needed + 1
  }
  return blocks
}

/** The widths of a table's columns where they do not fit: the last gets two thirds, or what the first leaves. */
function fitted(widths: readonly number[], columns: readonly number[], width: number): number[] | undefined {
  const room = width - columns.length - 1
  if (columns.reduce((sum, column) => sum + widths[column], 0) <= room) return undefined
  if (columns.length === 1) return [room]
  const [first, last] = columns.map((column) => widths[column])
  const second = Math.min(last, Math.max(room - first, Math.floor((2 * room) / 3)))
  return [room - second, second]
}

function draw(
  all: readonly (readonly string[])[],
  columns: readonly number[],
  colWidths?: readonly number[],
): string {
  const [head, ...rows] = all.map((row) => columns.map((column) => row[column]))
  // An empty cell or a dash stands for a number that does not exist.
  const isNumeric = (cell: string) => /^(|[–-]|[-+−]?[\d.,]+ ?%?)$/.test(cell)
  const longestWord = (column: number): number =>
    Math.max(
      ...[head, ...rows].flatMap((row) =>
        (row[column].match(/^\s*\S+|\S+/g) ?? ['']).map(({ length }) => length),
      ),
    )
  const table = new Table({
    head,
    colAligns: head.map((_, column) => (rows.every((row) => isNumeric(row[column])) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
    ...(colWidths && {
      colWidths: [...colWidths],
      wordWrap: true,
      // A word that is longer than its column is broken, not cut off.
      wrapOnWordBoundary: colWidths.every((width, column) => longestWord(column) <= width - 2),
    }),
  })
  table.push(...rows)
  return table.toString()
}
