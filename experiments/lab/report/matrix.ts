// A matrix of everything against everything.
import * as Plot from '@observablehq/plot'
import type { PlotOptions } from '@observablehq/plot'
import type { VNode } from 'preact'
import { levelColour } from './numbers.ts'
import { drawChart, type About } from './svg.ts'
import { chartFrame } from './tables.ts'

/** Everything held against everything: `values[row][column]`, the same names for both. */
export interface Matrix {
  readonly names: readonly string[]
  readonly values: readonly (readonly number[])[]
  /** The scale's ends: the lightest colour, and the darkest. */
  readonly range: readonly [low: number, high: number]
  /** A line is drawn after every so many names. */
  readonly group: number
}

const CELL = 18
const LABELS = 132

/** The matrix as small squares without numbers, too many to be read: they belong in a table beside it. */
export function matrixChart(
  document: Document,
  { names, values, range, group }: Matrix,
  about: About,
): VNode {
  const cells = values.flatMap((row, r) =>
    row.map((value, c) => ({ r, c, fill: levelColour(stepWithin(value, range)) })),
  )
  const size = LABELS + names.length * CELL
  const places = [...names.keys()]
  const axis = { domain: places, label: null, tickSize: 0, padding: 0, tickFormat: (i: number) => names[i] }
  const borders = places.filter((place) => place > 0 && place % group === 0)
  const rule = { stroke: 'var(--ink)', strokeWidth: 1, inset: 0 }
  const options: PlotOptions = {
    ...{ width: size, height: size, margin: 0, marginTop: LABELS, marginLeft: LABELS },
    x: { ...axis, type: 'band', axis: 'top', tickRotate: -90 },
    y: { ...axis, type: 'band' },
    color: { type: 'identity' },
    marks: [
      Plot.cell(cells, { x: 'c', y: 'r', fill: 'fill', inset: 0.5 }),
      // A rule stands in the middle of its band: half a cell back, it is the border before it.
      Plot.ruleX(borders, { ...rule, x: (place: number) => place, dx: -CELL / 2 }),
      Plot.ruleY(borders, { ...rule, y: (place: number) => place, dy: -CELL / 2 }),
    ],
  }
  return chartFrame(about.title, drawChart(document, options, about))
}

/** The step 1..8 of a number between the scale's ends; those beyond take the end's. */
export function stepWithin(value: number, [low, high]: Matrix['range']): number {
  const share = high > low ? (value - low) / (high - low) : 0
  return Math.max(1, Math.min(8, Math.ceil(share * 8)))
}
