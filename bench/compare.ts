import type { Machine } from './machine.ts'
import type { Results, Row, RowName } from './rows.ts'
import { digits, type TextTable } from './tables.ts'

/** One work in two results files; null where a file does not have it. */
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

/** Row by row: work, shape, backend, mode and threads say which belong together. Rows of B alone come last. */
export function compareResults(a: Results, b: Results): Comparison {
  const [ofA, ofB] = [byName(a.rows), byName(b.rows)]
  const names = new Set([...ofA.keys(), ...ofB.keys()])
  return {
    a: a.machine,
    b: b.machine,
    rows: [...names].map((name) => compareRows(ofA.get(name), ofB.get(name))),
  }
}

/** @throws if two rows have the same name: which of them to compare would be a guess */
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
    work,
    shape,
    backend,
    mode,
    threads,
    a_ms: a?.median_ms ?? null,
    b_ms: b?.median_ms ?? null,
    speedup: a && b ? a.median_ms / b.median_ms : null,
    overlap: a && b ? a.p10_ms <= b.p90_ms && b.p10_ms <= a.p90_ms : null,
  }
}

export function comparisonTable({ rows }: Comparison): TextTable {
  const ms = (value: number | null) => (value === null ? '–' : digits(value))
  return {
    words: 4,
    head: ['work', 'shape', 'backend', 'mode', 'threads', 'A ms', 'B ms', 'B is faster by', ''],
    rows: rows.map((row) => [
      row.work,
      row.shape,
      row.backend,
      row.mode,
      String(row.threads),
      ms(row.a_ms),
      ms(row.b_ms),
      row.speedup === null ? '–' : row.speedup.toFixed(2),
      row.overlap === null
        ? row.a_ms === null
          ? 'only in B'
          : 'only in A'
        : row.overlap
          ? 'within noise'
          : '',
    ]),
  }
}
