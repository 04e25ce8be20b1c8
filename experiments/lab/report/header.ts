import { html } from './html.ts'
import type { ComponentChildren, VNode } from 'preact'

/** A link: what it is called, and where it leads from this page. */
export interface PageLink {
  readonly name: string
  readonly href: string
}

/** How a page begins. */
export interface PageHeader {
  /** What it belongs to, small above the title. */
  readonly eyebrow: string
  readonly title: ComponentChildren
  /** What it asks, for someone who knows nothing of it. */
  readonly question: string
  readonly sections?: readonly PageLink[]
  /** Other pages. */
  readonly links: readonly PageLink[]
}

/** The page's title, what it asks, and where to go from here. */
export function pageHeader({ eyebrow, title, question, sections = [], links }: PageHeader): VNode {
  return html`<header>
    <p class="eyebrow">${eyebrow}</p>
    <h1>${title}</h1>
    <p class="question">${question}</p>
    ${linkList('Sections', sections)} ${linkList('Other pages', links)}
  </header>`
}

function linkList(name: string, links: readonly PageLink[]): VNode | null {
  if (links.length === 0) return null
  return html`<nav aria-label=${name}>
    <ul>
      ${links.map(({ name, href }) => html`<li><a href=${href}>${name}</a></li>`)}
    </ul>
  </nav>`
}
