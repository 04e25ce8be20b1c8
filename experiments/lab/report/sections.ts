// Sections of a report, and their parts.
import { html } from './html.ts'
import type { ComponentChildren, VNode } from 'preact'

/** A section under its heading. */
export function section(id: string, title: string, content: ComponentChildren): VNode {
  return html`<section aria-labelledby=${id}>
    <h2 id=${id}>${title}</h2>
    ${content}
  </section>`
}

/** What was found, a point each. */
export function findingList(findings: readonly ComponentChildren[]): VNode {
  return html`<ul class="findings">
    ${findings.map((finding) => html`<li>${finding}</li>`)}
  </ul>`
}

/** A part of a section for each layer, the last one open. */
export function layerParts(
  parts: readonly { title: string; note?: string; content: ComponentChildren }[],
): VNode[] {
  return parts.map(
    ({ title, note, content }, i) =>
      html`<details class="layers" open=${i === parts.length - 1}>
        <summary>
          <h3>${title}</h3>
          ${note !== undefined && html`<span>${note}</span>`}
        </summary>
        ${content}
      </details>`,
  )
}
