// The page that lists all results.
import { html } from './html.ts'
import type { VNode } from 'preact'
import { readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { showDate } from './numbers.ts'
import type { PageLink } from './report-page.ts'
import { renderPage } from './page-node.ts'
import { MIXED, readPublished, type Published } from './published-node.ts'
import { visible } from './tokens.ts'
import { writeAtomically } from '../cli/write-node.ts'

/** A report that some experiment left under the results folder. */
interface FoundReport extends Published {
  /** Folders from the results folder down: the experiment, the model, and what else tells reports apart. */
  readonly path: readonly string[]
  readonly title: string
  readonly date: string
}

/**
 * How a report `depth` folders below the results folder links the index; from a folder of the user's own choice, `out`,
 * there is no index to link.
 */
export function indexLinks(out: string | undefined, depth = 2): PageLink[] {
  return out === undefined ? [{ name: 'All results', href: `${'../'.repeat(depth)}index.html` }] : []
}

/**
 * Rewrites `index.html` in the results folder: a page that links every `report.html` below it, by experiment, with what
 * it asks, what it found, the command and the date; a folder that mixes runs is marked. To be called when an experiment has written its report there.
 * @returns the page's path
 * @throws UserError if the page cannot be written
 */
export async function updateResultsIndex(resultsFolder: string): Promise<string> {
  const reports = await findReports(resultsFolder)
  const path = join(resultsFolder, 'index.html')
  await writeAtomically(
    path,
    renderPage({
      title: 'Results',
      description: 'Every report that the experiments have written here.',
      body: indexPage(reports),
    }),
  )
  return path
}

/** All reports below a folder, in order of experiment and path, numbers by size. */
async function findReports(folder: string): Promise<FoundReport[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    },
  )
  const places = entries
    .filter((entry) => entry.isFile() && entry.name === 'report.html')
    .map(({ parentPath }) => relative(folder, parentPath).split(sep))
    .sort((a, b) => a.join('/').localeCompare(b.join('/'), 'en', { numeric: true }))
  return Promise.all(
    places.map(async (path) => {
      const found = await readPublished(join(folder, ...path))
      const { mtime } = await stat(join(folder, ...path, 'report.html'))
      return {
        ...found,
        ...{ path, title: found.title ?? path.join(' '), date: found.date ?? mtime.toISOString() },
      }
    }),
  )
}

function indexPage(reports: readonly FoundReport[]): VNode {
  const groups = [...Map.groupBy(reports, ({ path }) => path[0])]
  return html`<main>
    <p class="eyebrow">clearbox</p>
    <h1>Results</h1>
    ${groups.length === 0 && html`<p>No experiment has written a report here yet.</p>`}
    ${groups.map(
      ([experiment, found]) =>
        html`<section>
          <h2>${experiment}</h2>
          <ul class="results">
            ${found.map(entry)}
          </ul>
        </section>`,
    )}
  </main>`
}

function entry({ path, title, question, answer, model, command, date, mixed }: FoundReport): VNode {
  const address = [...path.map(encodeURIComponent), 'report.html'].join('/')
  return html`<li>
    <h3><a href=${address}>${visible(title)}</a></h3>
    ${question !== undefined && html`<p class="question">${visible(question)}</p>`}
    ${answer !== undefined && html`<p class="answer">${visible(answer)}</p>`}
    ${mixed && html`<p class="mixed">${`Careful, ${MIXED}. Run it again.`}</p>`}
    <p class="facts">
      ${[model ?? path[1], showDate(date)].filter(Boolean).map(visible).join(' · ')}
      ${command !== undefined && [html`<br />`, html`<code>${visible(command)}</code>`]}
    </p>
  </li>`
}
