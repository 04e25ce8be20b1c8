// Tables and figures of a report.
import { html } from './html.ts'
import type { ComponentChildren, VNode } from 'preact'

/** A table as a screen reader wants it: a caption, headed columns, and each row headed by its first cell. */
export interface DataTable {
  caption: string
  columns: readonly string[]
  rows: readonly { head: ComponentChildren; cells: readonly Cell[] }[]
}

/** What stands in a cell; with a `level`, on that step of the colour scale. */
export type Cell = ComponentChildren | ColouredCell

interface ColouredCell {
  content: ComponentChildren
  level?: number
}

const isColoured = (cell: Cell): cell is ColouredCell =>
  typeof cell === 'object' && cell !== null && 'content' in cell

function tableCell(cell: Cell): VNode {
  if (!isColoured(cell)) return html`<td>${cell}</td>`
  return html`<td class=${levelClass(cell.level ?? 0)}>${cell.content}</td>`
}

/** A number with small lines below it. */
export function lines(number: ComponentChildren, below: readonly ComponentChildren[]): ComponentChildren {
  return [number, ...below.map((line) => html`<small class="line">${line}</small>`)]
}

/** What matters, and a small note behind it. */
export function noted(content: ComponentChildren, note: string): ComponentChildren {
  return [content, ' ', html`<small>${note}</small>`]
}

/** The table in a frame that scrolls sideways by finger and by keyboard, so that the page never does. */
export function dataTable({ caption, columns, rows }: DataTable): VNode {
  return html`<div class="scroll" role="region" aria-label=${caption} tabindex="0">
    <table>
      <caption>
        <span>${caption}</span>
      </caption>
      <thead>
        <tr>
          ${columns.map((column) => html`<th scope="col">${column}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ head, cells }) =>
            html`<tr>
              <th scope="row">${head}</th>
              ${cells.map(tableCell)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

/** The class that colours an element by its step; undefined, that is no attribute, for step 0. */
export function levelClass(level: number): string | undefined {
  return level === 0 ? undefined : `${level < 0 ? 'c' : 'h'}${Math.abs(level)}`
}

/** Charts under one caption, and the same numbers as a table for whoever wants, or needs, to read them. */
export function figure(caption: ComponentChildren, charts: ComponentChildren, table: DataTable): VNode {
  return html`<figure>
    <figcaption>${caption}</figcaption>
    ${charts}
    <details>
      <summary>The numbers as a table<span class="sr">: ${table.caption}</span></summary>
      ${dataTable(table)}
    </details>
  </figure>`
}

/** A chart in a frame that scrolls sideways where the chart is wider than the page. */
export function chartFrame(label: string, chart: VNode): VNode {
  return html`<div class="scroll chart" role="region" aria-label=${label} tabindex="0">${chart}</div>`
}

/** The colour scale from 0 to the largest number, with the steps below 0 where they are used. */
export function colourScale(zero: string, most: string, below?: string): VNode {
  const steps = [...(below === undefined ? [] : [-8, -6, -4, -2]), 1, 2, 3, 4, 5, 6, 7, 8]
  return html`<p class="scale">
    <span>${below ?? zero}</span>
    <span class="steps" aria-hidden="true"
      >${steps.map((step) => html`<i class=${levelClass(step)}></i>`)}</span
    >
    <span>${most}</span>
  </p>`
}
