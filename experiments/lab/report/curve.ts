// A quantity over the tokens of a training.
import * as Plot from '@observablehq/plot'
import type { VNode } from 'preact'
import { html } from './html.ts'
import { showNumber } from './numbers.ts'
import { chartDocument } from './page-node.ts'
import { drawChart } from './svg.ts'

interface CurvePoint {
  readonly tokens: number
  readonly value: number
}

/** `dashed`: a second curve in the same chart. */
export function curve(
  title: string,
  points: readonly CurvePoint[],
  dashed: readonly CurvePoint[] = [],
): VNode {
  const [first, last] = [points[0], points[points.length - 1]]
  const line = (data: readonly CurvePoint[], options: Plot.LineOptions) =>
    Plot.line(data, { x: 'tokens', y: 'value', stroke: 'var(--stroke)', strokeWidth: 1.5, ...options })
  const chart = drawChart(
    chartDocument(),
    {
      ...{ width: 340, height: 180, marginLeft: 48, marginBottom: 34 },
      x: { label: 'tokens', ticks: 4, tickFormat: '~s', labelArrow: 'none' },
      y: { label: null, ticks: 4, zero: true },
      marks: [line(points, {}), line(dashed, { strokeDasharray: '4 3' })],
    },
    {
      title,
      description: `from ${showNumber(first.value)} at ${first.tokens} tokens to ${showNumber(last.value)} at ${last.tokens}`,
    },
  )
  return html`<div>
    <p><small>${title}</small></p>
    ${chart}
  </div>`
}
