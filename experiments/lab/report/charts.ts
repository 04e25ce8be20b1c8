// The charts of the reports.
import * as Plot from '@observablehq/plot'
import { html } from 'htm/preact'
import type { VNode } from 'preact'
import { levelColour, levelOf, shorten, showNumber } from './numbers.ts'
import { svgChart, type About } from './svg.ts'
import { chartFrame, colourScale } from './tables.ts'

/**
 * Each takes the document to draw in (a browser's, or linkedom's where there is none) and returns inline SVG
 * whose colours are CSS variables, so that dark mode and printing need no second drawing.
 */

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

/** A heatmap, and below it its colour scale. */
export function scaledHeatmap(document: Document, grid: Grid, about: About): VNode[] {
  const lowest = Math.min(0, ...grid.values.flat().map((value) => value ?? 0))
  const most = showNumber(gridMax(grid))
  const scale = colourScale('0', most, lowest < 0 ? `−${most}` : undefined)
  return [heatmap(document, grid, about), scale]
}

const FONT = { fill: 'var(--ink)' }

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
  const chart = Plot.plot({
    document,
    width: 108 + grid.columns.length * Math.max(42, 4 + 7.5 * longest), // 7.5 px: a wide digit
    height: 24 + grid.rows.length * 34,
    margin: 0,
    marginTop: 24,
    marginLeft: 108,
    // Numbers, not names, are the domain: two rows may bear the same name.
    x: {
      ...axis,
      axis: 'top',
      domain: grid.columns.map((_, c) => c),
      tickFormat: (c: number) => grid.columns[c],
    },
    y: { ...axis, domain: grid.rows.map((_, r) => r), tickFormat: (r: number) => shorten(grid.rows[r], 15) },
    color: { type: 'identity' },
    marks: [
      Plot.cell(cells, { ...place, fill: 'fill', inset: 1, rx: 3 }),
      Plot.text(cells, { ...place, ...FONT, text: 'text' }),
    ],
  })
  return chartFrame(about.title, svgChart(chart, about))
}

/** A curve for each row of the grid, its numbers read out below `titleOf` it. */
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
  const chart = Plot.plot({
    document,
    width: 168,
    height: 104,
    margin: 18,
    marginLeft: 12,
    marginRight: 38,
    x: { type: 'point', domain: grid.columns.map((_, c) => c), axis: null, padding: 0 },
    y: { domain: [Math.min(0, ...numbers), Math.max(1e-9, ...numbers)], axis: null },
    marks: [
      Plot.ruleY([0], { stroke: 'var(--line)' }),
      Plot.line(points, { x: 'c', y: 'value', z: 'r', stroke: 'var(--faint)', strokeWidth: 1 }),
      Plot.line(own, { x: 'c', y: 'value', stroke: 'var(--stroke)', strokeWidth: 2 }),
      Plot.dot(known, { x: 'c', y: 'value', fill: 'var(--stroke)', r: 2.5 }),
      Plot.text(known.slice(-1), {
        ...{ x: 'c', y: 'value', text: (point: { value: number }) => showNumber(point.value) },
        ...{ dx: 7, textAnchor: 'start', fill: 'var(--ink)', fontWeight: 600 },
      }),
      Plot.text(ends, {
        ...{ x: (c: number) => c, text: (c: number) => grid.columns[c] },
        ...{ frameAnchor: 'bottom', dy: 16, fill: 'var(--muted)' },
      }),
    ],
  })
  return svgChart(chart, about)
}

/** Horizontal bars from 0 to `max`, largest first as given, each with its label and number. */
export function bars(
  document: Document,
  rows: readonly { label: string; value: number }[],
  max: number,
  about: About,
): VNode {
  const chart = Plot.plot({
    document,
    width: 300,
    height: Math.max(1, rows.length) * 26,
    margin: 0,
    marginLeft: 66,
    marginRight: 46,
    x: { domain: [0, Math.max(max, 1e-9)], axis: null },
    y: {
      ...{
        type: 'band',
        axis: 'left',
        label: null,
        tickSize: 0,
        padding: 0.28,
        domain: rows.map((_, r) => r),
      },
      tickFormat: (r: number) => shorten(rows[r].label, 9),
    },
    marks: [
      Plot.barX(rows, { x: 'value', y: (_, r: number) => r, fill: 'var(--bar)', rx: 2 }),
      Plot.text(rows, {
        ...{
          x: 'value',
          y: (_: unknown, r: number) => r,
          text: (row: { value: number }) => showNumber(row.value),
        },
        ...{ dx: 6, textAnchor: 'start', fill: 'var(--ink)' },
      }),
    ],
  })
  return svgChart(chart, about)
}

/** Numbers counted in bins: `counts[i]` of them lie between `edges[i]` and `edges[i + 1]`. One outline: a page holds many. */
export function histogram(
  document: Document,
  { edges, counts }: { edges: readonly number[]; counts: readonly number[] },
  about: About,
): VNode {
  const outline = edges.map((edge, i) => ({ edge, value: counts[Math.min(i, counts.length - 1)] }))
  const ends = [edges[0], edges[edges.length - 1]]
  const chart = Plot.plot({
    document,
    width: 340,
    height: 120,
    margin: 18,
    marginTop: 8,
    marginLeft: 40,
    x: { domain: ends, axis: null },
    y: { domain: [0, Math.max(1, ...counts)], label: null, ticks: 3, tickSize: 0, tickFormat: 'd' },
    marks: [
      Plot.areaY(outline, { x: 'edge', y: 'value', curve: 'step-after', fill: 'var(--bar)' }),
      Plot.ruleY([0], { stroke: 'var(--line)' }),
      Plot.text(ends, {
        ...{ x: (edge: number) => edge, text: showNumber },
        ...{ frameAnchor: 'bottom', dy: 16, fill: 'var(--muted)' },
      }),
    ],
  })
  return svgChart(chart, about)
}
