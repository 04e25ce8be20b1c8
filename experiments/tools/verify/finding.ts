// What came out here, beside what others publish.
import { visibleLine } from '../../lab/cli/print.ts'

/** One published number, or word, and what came out here. */
export interface Finding {
  readonly what: string
  readonly expected: string
  readonly got: string
  /** How far `got` may be from `expected`, in words. */
  readonly tolerance: string
  readonly source: string
  /** Whether a difference makes the verification fail. */
  readonly required: boolean
  readonly ok: boolean
}

interface Nearness {
  readonly tolerance: number
  /** Whether the tolerance is a share of each number. */
  readonly relative?: boolean
  /** After the point, where the numbers are shown. */
  readonly digits: number
  readonly source: string
  readonly required?: boolean
}

/** Numbers, each of which must be within `tolerance`; a missing one, or NaN, is not. */
export function nearly(
  what: string,
  expected: readonly number[],
  got: readonly number[],
  { tolerance, relative = false, digits, source, required = true }: Nearness,
): Finding {
  const show = (numbers: readonly number[]) => numbers.map((number) => number.toFixed(digits)).join(' ')
  const ok =
    expected.length === got.length &&
    expected.every((value, i) => Math.abs(value - got[i]) <= tolerance * (relative ? Math.abs(value) : 1))
  const shown = tolerance === 0 ? 'exact' : relative ? `±${100 * tolerance} %` : `±${tolerance}`
  return { what, expected: show(expected), got: show(got), tolerance: shown, source, required, ok }
}

/** Words or ids that must be the same. */
export function exactly(what: string, expected: string, got: string, source: string): Finding {
  return { what, expected, got, tolerance: 'exact', source, required: true, ok: expected === got }
}

/** What makes the verification fail. */
export function failedFindings(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ ok, required }) => required && !ok)
}

/** Three lines a finding: too much for the columns of a table. */
export function showFindings(findings: readonly Finding[]): string {
  const verdict = ({ ok, required }: Finding) => (ok ? 'ok' : required ? 'FAILED' : 'differs')
  return findings
    .map((finding) => {
      const { what, expected, got, tolerance, source, required } = finding
      const about = `${tolerance}; ${source}${required ? '' : '; not required'}`
      return `${verdict(finding).padEnd(8)} ${what}\n         expected ${visibleLine(expected)}  (${about})\n         got      ${visibleLine(got)}`
    })
    .join('\n')
}
