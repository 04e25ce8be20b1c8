// Results as CSV (RFC 4180).
import { csvFormatRows } from 'd3-dsv'

type Cell = string | number | boolean | null | undefined

/** @param head the columns' names, separated by commas; what does not exist is an empty field */
export function csv(head: string, rows: readonly (readonly Cell[])[]): string {
  return csvFormatRows([head.split(','), ...rows.map((row) => row.map((cell) => String(cell ?? '')))]) + '\n'
}
