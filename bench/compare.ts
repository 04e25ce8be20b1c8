// `bench compare A.json B.json`: the rows that two results files share, side by side.
import type { Machine } from './machine.ts'
import type { Results, Row, RowName } from './rows.ts'
import { digits, makeTable, nameColumns, orDash, times, type TextTable } from './tables.ts'

/** One piece of work in two results files; null where a file does not have it. */
export interface ComparedRow extends RowName {
  readonly a_ms: number | null
  readonly b_ms: number | null
  readonly speedup: number | null // how many times faster B is
  /** Whether the two ranges from p10 to p90 overlap: then the difference may be noise. */
  readonly overlap: boolean | null
}

export interface Comparison {
  readonly a: Machine
  readonly b: Machine
  readonly rows: readonly ComparedRow[]
}

/** Row by row: work, shape, backend, mode and threads say which belong together. Rows that only B has come last. */
export function compareResults(a: Results, b: Results): Comparison {
  const [ofA, ofB] = [byName(a.rows), byName(b.rows)]
  const names = new Set([...ofA.keys(), ...ofB.keys()])
  return {
    a: a.machine,
    b: b.machine,
    rows: [...names].map((name) => compareRows(ofA.get(name), ofB.get(name))),
  }
}

/** @throws if two rows have the same name: it would be a guess which of them to compare */
function byName(rows: readonly Row[]): Map<string, Row> {
  const named = new Map<string, Row>()
  for (const row of rows) {
    const name = JSON.stringify([row.work, row.shape, row.backend, row.mode, row.threads])
    if (named.has(name)) throw new Error(`compare: two rows are ${name}`)
    named.set(name, row)
  }
  return named
}

function compareRows(a: Row | undefined, b: Row | undefined): ComparedRow {
  const { work, shape, backend, mode, threads } = (a ?? b)!
  return {
    ...{ work, shape, backend, mode, threads },
    a_ms: a?.median_ms ?? null,
    b_ms: b?.median_ms ?? null,
    speedup: a && b ? a.median_ms / b.median_ms : null,
    overlap: a && b ? a.p10_ms <= b.p90_ms && b.p10_ms <= a.p90_ms : null,
  }
}

export function comparisonTable({ rows }: Comparison): TextTable {
  return makeTable(rows, 4, [
    ...nameColumns,
    ['A ms', ({ a_ms }) => orDash(a_ms, digits)],
    ['B ms', ({ b_ms }) => orDash(b_ms, digits)],
    ['B is faster by', ({ speedup }) => orDash(speedup, times)],
    ['', ({ a_ms, b_ms, overlap }) => remark(a_ms, b_ms, overlap)],
  ])
}

function remark(a: number | null, b: number | null, overlap: boolean | null): string {
  if (a === null) return 'only in B'
  if (b === null) return 'only in A'
  return overlap ? 'within noise' : ''
}
