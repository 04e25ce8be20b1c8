// The page of an experiment's report, from its title to its footer; what stands between is the experiment's own.
import { html } from './html.ts'
import type { ComponentChildren, VNode } from 'preact'
import type { Provenance } from '../models/provenance.ts'
import type { Feature } from './feature-parts.ts'
import { renderPage } from './page-node.ts'
import { provenanceTable } from './provenance-table.ts'
import { showAllScript, TOKEN_DATA_ID, tokenData } from './show-all.ts'
import type { TokenText } from './tokens.ts'

/** A link: what it is called, and where it leads from this page. */
export interface PageLink {
  readonly name: string
  readonly href: string
}

/** How a report was made, and the other pages that it leads to. Nothing in it needs escaping. */
export interface Made {
  readonly provenance: Provenance
  readonly links: readonly PageLink[]
}

interface ReportPage extends Made {
  readonly title: string
  /** In a sentence, for who lists pages. */
  readonly description: string
  /** What the page belongs to, small above the title. */
  readonly eyebrow: string
  /** What the experiment asks, for someone who knows nothing of it. */
  readonly question: string
  readonly sections?: readonly PageLink[]
  /** What was found, beside how it was made. */
  readonly opening: VNode
  readonly body: ComponentChildren
  readonly footer: string
  /** The features whose texts are not all in the page: a button shows the others. */
  readonly cards?: {
    readonly features: readonly Feature[]
    readonly texts: readonly TokenText[]
    readonly shown: number
  }
}

/** The report as one self-contained HTML file. */
export function renderReport({ title, description, provenance, cards, ...page }: ReportPage): string {
  return renderPage({
    title: `${title} · ${provenance.model}`,
    description,
    body: html`<main>
      <header>
        <p class="eyebrow">${page.eyebrow}</p>
        <h1>${title}</h1>
        <p class="question">${page.question}</p>
        ${linkList('Sections', page.sections ?? [])} ${linkList('Other pages', page.links)}
      </header>
      <div class="opening">${page.opening} ${provenanceTable(provenance)}</div>
      ${page.body}
      <footer>${page.footer}</footer>
    </main>`,
    ...(cards && {
      data: { id: TOKEN_DATA_ID, value: tokenData(cards.features, cards.texts, cards.shown) },
      script: showAllScript(),
    }),
  })
}

function linkList(name: string, links: readonly PageLink[]): VNode | null {
  if (links.length === 0) return null
  return html`<nav aria-label=${name}>
    <ul>
      ${links.map(({ name, href }) => html`<li><a href=${href}>${name}</a></li>`)}
    </ul>
  </nav>`
}
