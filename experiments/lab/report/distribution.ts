import * as Plot from '@observablehq/plot'
import type { VNode } from 'preact'
import { showNumber } from './numbers.ts'
import { svgChart, type About } from './svg.ts'

/** Draws by whole number: `counts[n]` of them gave n. */
export interface Distribution {
  counts: readonly number[]
  /** What is held against them. */
  observed: number
  /** Where the axis ends; at least `observed`, so that distributions beside each other share it. */
  max: number
}

/** How often chance gives each whole number, as bars, and where what was observed stands among them. */
export function distributionStrip(
  document: Document,
  { counts, observed, max }: Distribution,
  about: About,
): VNode {
  const bars = counts.map((count, n) => ({ x1: n - 0.4, x2: n + 0.4, count }))
  const right = observed > max / 2
  const chart = Plot.plot({
    document,
    width: 168,
    height: 84,
    margin: 18,
    marginTop: 8,
    marginLeft: 8,
    marginRight: 8,
    x: { domain: [-0.5, Math.max(1, max) + 0.5], axis: null },
    y: { domain: [0, Math.max(1, ...counts)], axis: null },
    marks: [
      Plot.rect(bars, { x1: 'x1', x2: 'x2', y1: 0, y2: 'count', fill: 'var(--faint)' }),
      Plot.ruleY([0], { stroke: 'var(--line)' }),
      Plot.ruleX([observed], { stroke: 'var(--stroke)', strokeWidth: 2 }),
      Plot.text([observed], {
        ...{ x: (x: number) => x, text: (x: number) => showNumber(x), frameAnchor: 'top', dy: 6 },
        ...{ dx: right ? -6 : 6, textAnchor: right ? 'end' : 'start', fill: 'var(--ink)', fontWeight: 600 },
      }),
      Plot.text([0, max], {
        ...{ x: (x: number) => x, text: (x: number) => showNumber(x) },
        ...{ frameAnchor: 'bottom', dy: 16, fill: 'var(--muted)' },
      }),
    ],
  })
  return svgChart(chart, about)
}
