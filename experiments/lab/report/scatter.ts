// Dots over two axes.
import * as Plot from '@observablehq/plot'
import type { PlotOptions } from '@observablehq/plot'
import type { VNode } from 'preact'
import { drawChart, type About } from './svg.ts'

/** A dot; `strong` ones are filled and drawn above the others, which are rings. */
interface ScatterPoint {
  x: number
  y: number
  strong: boolean
}

/** Dots over two named axes, each from its smallest to its largest number, with a rule at 0 where there is one. */
export function scatter(
  document: Document,
  points: readonly ScatterPoint[],
  axes: { x: string; y: string },
  about: About,
): VNode {
  const axis = {
    tickFormat: (tick: number) => String(Number(tick.toPrecision(3))).replace('-', '−'),
    labelArrow: 'none',
    ticks: 4,
    nice: true,
  } as const
  const [rings, dots] = [false, true].map((strong) => points.filter((point) => point.strong === strong))
  const place = { x: 'x', y: 'y' }
  const has0 = (values: readonly number[]) => (Math.min(...values) < 0 && Math.max(...values) > 0 ? [0] : [])
  const options: PlotOptions = {
    ...{ width: 320, height: 250, marginLeft: 52, marginRight: 14, marginTop: 26, marginBottom: 40 },
    x: { ...axis, label: axes.x },
    y: { ...axis, label: axes.y },
    marks: [
      Plot.ruleX(has0(points.map(({ x }) => x)), { stroke: 'var(--line)' }),
      Plot.ruleY(has0(points.map(({ y }) => y)), { stroke: 'var(--line)' }),
      Plot.dot(rings, { ...place, stroke: 'var(--muted)', r: 3.5 }),
      Plot.dot(dots, { ...place, fill: 'var(--stroke)', r: 4 }),
    ],
  }
  return drawChart(document, options, about)
}
