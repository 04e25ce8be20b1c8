// The page of an experiment's report, from its title to its footer; what stands between is the experiment's own.
import { html } from './html.ts'
import type { ComponentChildren, VNode } from 'preact'
import type { Provenance } from '../models/provenance.ts'
import type { Feature } from './feature-parts.ts'
import { renderPage } from './page-node.ts'
import { provenanceTable } from './provenance-table.ts'
import type { Run } from './published-node.ts'
import { showAllScript, TOKEN_DATA_ID, tokenData } from './show-all.ts'
import { visible, type TokenText } from './tokens.ts'

/** A link: what it is called, and where it leads from this page. */
export interface PageLink {
  readonly name: string
  readonly href: string
}

/** How a report was made, what it asks and answers, and the other pages that it leads to. Nothing in it needs escaping. */
export interface Made {
  readonly run: Run
  readonly provenance: Provenance
  /** What the experiment asks, in a sentence. */
  readonly question: string
  /** What it found, in one plain sentence. */
  readonly answer: string
  readonly links: readonly PageLink[]
}

interface ReportPage extends Made {
  readonly title: string
  /** What the page belongs to, small above the title. */
  readonly eyebrow: string
  /** What the experiment asks and how, for someone who knows nothing of it. */
  readonly background: string
  /** What one picture says of the answer; null where there is nothing to draw. */
  readonly picture: VNode | null
  readonly sections?: readonly PageLink[]
  /** What was found, claim by claim, beside how it was made. */
  readonly claims: VNode
  readonly body: ComponentChildren
  readonly footer: string
  /** The features whose texts are not all in the page: a button shows the others. */
  readonly cards?: {
    readonly features: readonly Feature[]
    readonly texts: readonly TokenText[]
    readonly shown: number
  }
}

/** The report as one self-contained HTML file: the answer and a picture, then the claims, then all the rest. */
export function renderReport({ title, run, provenance, question, cards, ...page }: ReportPage): string {
  return renderPage({
    title: `${title} · ${provenance.model}`,
    description: question,
    run: run.id,
    body: html`<main>
      <header>
        <p class="eyebrow">${page.eyebrow}</p>
        <h1>${title}</h1>
        ${question !== title && html`<p class="question">${visible(question)}</p>`}
        <p class="answer">${visible(page.answer)}</p>
        ${linkList('Other pages', page.links)}
      </header>
      ${page.picture}
      <div class="opening">
        <div>
          ${page.claims}
          <details>
            <summary>What this is about</summary>
            <p>${page.background}</p>
          </details>
          ${linkList('Sections', page.sections ?? [])}
        </div>
        ${provenanceTable(provenance, run)}
      </div>
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
