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

/** What unfolds. about: what it is of, for who does not see where it stands */
export function folded(summary: string, about: string, content: ComponentChildren): VNode {
  return html`<details class="behind">
    <summary>${summary}<span class="sr">: ${about}</span></summary>
    ${content}
  </details>`
}

/** The picture under the answer: what is to be seen in it, and its charts. */
export function pictureOf(caption: string, charts: ComponentChildren): VNode {
  return html`<figure class="picture">
    ${charts}
    <figcaption>${caption}</figcaption>
  </figure>`
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
