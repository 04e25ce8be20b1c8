// The charts of the reports.
import * as Plot from '@observablehq/plot'
import type { PlotOptions } from '@observablehq/plot'
import { html } from './html.ts'
import type { VNode } from 'preact'
import { levelColour, levelOf, shorten, showNumber } from './numbers.ts'
import { drawChart, type About } from './svg.ts'
import { chartFrame, colourScale } from './tables.ts'

/** Their colours are CSS variables, so that dark mode and printing need no second drawing. */

/** A table of numbers with named rows and columns: `values[row][column]`, null where there is none. */
export interface Grid {
  rows: readonly string[]
  columns: readonly string[]
  values: readonly (readonly (number | null)[])[]
}

/** The largest size of a number in the grid, at least 0: what the colour scale ends at. */
function gridMax(grid: Grid): number {
  return Math.max(0, ...grid.values.flat().map((value) => Math.abs(value ?? 0)))
}

/** A heatmap, and below it its colour scale. `show`: as for `heatmap` */
export function scaledHeatmap(document: Document, grid: Grid, about: About, show = showNumber): VNode[] {
  const lowest = Math.min(0, ...grid.values.flat().map((value) => value ?? 0))
  const most = showNumber(gridMax(grid))
  const scale = colourScale('0', most, lowest < 0 ? `−${most}` : undefined)
  return [heatmap(document, grid, about, show), scale]
}

/** Rows x columns, each cell coloured by its share of the largest, its number written in it as `show` gives it. */
export function heatmap(document: Document, grid: Grid, about: About, show = showNumber): VNode {
  const max = gridMax(grid)
  const cells = grid.values.flatMap((row, r) =>
    row.map((value, c) => ({ r, c, text: show(value), fill: levelColour(levelOf(value, max)) })),
  )
  const place = { x: 'c', y: 'r' }
  const axis = { type: 'band', label: null, tickSize: 0, padding: 0 } as const
  const written = [...grid.columns, ...cells.map(({ text }) => text)]
  const longest = Math.max(...written.map(({ length }) => length), 0)
  const options: PlotOptions = {
    width: 108 + grid.columns.length * Math.max(42, 4 + 7.5 * longest), // 7.5 px: a wide digit
    height: 24 + grid.rows.length * 34,
    ...{ margin: 0, marginTop: 24, marginLeft: 108 },
    // Numbers, not names, are the domain: two rows may bear the same name.
    x: { ...axis, axis: 'top', domain: [...grid.columns.keys()], tickFormat: (c: number) => grid.columns[c] },
    y: { ...axis, domain: [...grid.rows.keys()], tickFormat: (r: number) => shorten(grid.rows[r], 15) },
    color: { type: 'identity' },
    marks: [
      Plot.cell(cells, { ...place, fill: 'fill', inset: 1, rx: 3 }),
      Plot.text(cells, { ...place, fill: 'var(--ink)', text: 'text' }),
    ],
  }
  return chartFrame(about.title, drawChart(document, options, about))
}

/** A curve for each row of the grid. */
export function curves(document: Document, grid: Grid, titleOf: (row: string) => string): VNode {
  const item = (name: string, row: number): VNode => {
    const steps = grid.values[row].map((value, c) => `${grid.columns[c]} ${showNumber(value)}`)
    const about = { title: titleOf(name), description: steps.join(', ') }
    return html`<li><b>${name}</b>${curve(document, grid, row, about)}</li>`
  }
  return html`<ul class="multiples">
    ${grid.rows.map(item)}
  </ul>`
}

/** What is written at places below the axis. */
const belowAxis = (places: readonly number[], label: (place: number) => string) =>
  Plot.text(places, {
    ...{ x: (place: number) => place, text: label },
    ...{ frameAnchor: 'bottom', dy: 16, fill: 'var(--muted)' },
  })

/**
 * One line of a set of small multiples: `rows[row]` of the grid drawn strong, its siblings faint behind it,
 * all on the same scale; the last value is written out.
 */
export function curve(document: Document, grid: Grid, row: number, about: About): VNode {
  const points = grid.values.flatMap((values, r) => values.map((value, c) => ({ r, c, value })))
  const own = points.filter((point) => point.r === row)
  const known = own.filter((point) => point.value !== null)
  const numbers = points.map((point) => point.value ?? 0)
  const ends = [...new Set([0, grid.columns.length - 1])]
  const place = { x: 'c', y: 'value' }
  const options: PlotOptions = {
    ...{ width: 168, height: 104, margin: 18, marginLeft: 12, marginRight: 38 },
    x: { type: 'point', domain: [...grid.columns.keys()], axis: null, padding: 0 },
    y: { domain: [Math.min(0, ...numbers), Math.max(1e-9, ...numbers)], axis: null },
    marks: [
      Plot.ruleY([0], { stroke: 'var(--line)' }),
      Plot.line(points, { ...place, z: 'r', stroke: 'var(--faint)', strokeWidth: 1 }),
      Plot.line(own, { ...place, stroke: 'var(--stroke)', strokeWidth: 2 }),
      Plot.dot(known, { ...place, fill: 'var(--stroke)', r: 2.5 }),
      Plot.text(known.slice(-1), {
        ...{ ...place, text: (point: { value: number }) => showNumber(point.value) },
        ...{ dx: 7, textAnchor: 'start', fill: 'var(--ink)', fontWeight: 600 },
      }),
      belowAxis(ends, (c) => grid.columns[c]),
    ],
  }
  return drawChart(document, options, about)
}

/** Horizontal bars from 0 to `max`, largest first as given, each with its label and number. */
export function bars(
  document: Document,
  rows: readonly { label: string; value: number }[],
  max: number,
  about: About,
): VNode {
  const band = { type: 'band', axis: 'left', label: null, tickSize: 0, padding: 0.28 } as const
  const place = { x: 'value', y: (_: unknown, r: number) => r }
  const options: PlotOptions = {
    ...{ width: 340, height: Math.max(1, rows.length) * 26, margin: 0, marginLeft: 124, marginRight: 46 },
    x: { domain: [0, Math.max(max, 1e-9)], axis: null },
    y: { ...band, domain: [...rows.keys()], tickFormat: (r: number) => shorten(rows[r].label, 17) },
    marks: [
      Plot.barX(rows, { ...place, fill: 'var(--bar)', rx: 2 }),
      Plot.text(rows, {
        ...{ ...place, text: (row: { value: number }) => showNumber(row.value) },
        ...{ dx: 6, textAnchor: 'start', fill: 'var(--ink)' },
      }),
    ],
  }
  return drawChart(document, options, about)
}

/** Numbers counted in bins: `counts[i]` of them lie between `edges[i]` and `edges[i + 1]`. One outline: a page holds many. */
export function histogram(
  document: Document,
  { edges, counts }: { edges: readonly number[]; counts: readonly number[] },
  about: About,
): VNode {
  const outline = edges.map((edge, i) => ({ edge, value: counts[Math.min(i, counts.length - 1)] }))
  const ends = [edges[0], edges[edges.length - 1]]
  const options: PlotOptions = {
    ...{ width: 340, height: 120, margin: 18, marginTop: 8, marginLeft: 40 },
    x: { domain: ends, axis: null },
    y: { domain: [0, Math.max(1, ...counts)], label: null, ticks: 3, tickSize: 0, tickFormat: 'd' },
    marks: [
      Plot.areaY(outline, { x: 'edge', y: 'value', curve: 'step-after', fill: 'var(--bar)' }),
      Plot.ruleY([0], { stroke: 'var(--line)' }),
      belowAxis(ends, showNumber),
    ],
  }
  return drawChart(document, options, about)
}

/**
 * How often chance gives each whole number, `counts[n]` draws n, as bars, and where what was observed stands among them.
 * The axis ends at `max`, at least `observed`, so that distributions beside each other share it.
 */
export function distributionStrip(
  document: Document,
  { counts, observed, max }: { counts: readonly number[]; observed: number; max: number },
  about: About,
): VNode {
  const bars = counts.map((count, n) => ({ x1: n - 0.4, x2: n + 0.4, count }))
  const right = observed > max / 2
  const options: PlotOptions = {
    ...{ width: 168, height: 84, margin: 18, marginTop: 8, marginLeft: 8, marginRight: 8 },
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
      belowAxis([0, max], showNumber),
    ],
  }
  return drawChart(document, options, about)
}
