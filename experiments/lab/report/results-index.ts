// The page that lists all results.
import { html } from './html.ts'
import type { VNode } from 'preact'
import { parseHTML } from 'linkedom'
import { open, readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { PageLink } from './report-page.ts'
import { renderPage } from './page-node.ts'
import { dataTable } from './tables.ts'
import { writeAtomically } from '../cli/write-node.ts'

/** A report that some experiment left under the results folder. */
interface FoundReport {
  /** Folders from the results folder down: the experiment, the model, and what else tells reports apart. */
  readonly path: readonly string[]
  readonly title: string
  readonly written: Date
}

/**
 * How a report `depth` folders below the results folder links the index; from a folder of the user's own choice, `out`,
 * there is no index to link.
 */
export function indexLinks(out: string | undefined, depth = 2): PageLink[] {
  return out === undefined ? [{ name: 'All results', href: `${'../'.repeat(depth)}index.html` }] : []
}

/** Far behind a page's title, which stands before its style. */
const HEAD_BYTES = 4096

/**
 * Rewrites `index.html` in the results folder: a page that links every `report.html` below it, by experiment, with its
 * title, model and date. To be called when an experiment has written its report there.
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
      const file = join(folder, ...path, 'report.html')
      return { path, title: (await titleOf(file)) || path.join(' '), written: (await stat(file)).mtime }
    }),
  )
}

async function titleOf(file: string): Promise<string> {
  await using handle = await open(file)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
  const { document } = parseHTML(buffer.toString('utf8', 0, bytesRead))
  return document.querySelector('title')?.textContent?.trim() ?? ''
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
          ${dataTable({
            caption: `Reports of ${experiment}`,
            columns: ['Report', 'Model', 'Written'],
            rows: found.map(({ path, title, written }) => ({
              head: html`<a href=${[...path.map(encodeURIComponent), 'report.html'].join('/')}>${title}</a>`,
              cells: [{ content: path[1] ?? '–' }, { content: showDate(written) }],
            })),
          })}
        </section>`,
    )}
  </main>`
}

/** To the minute, the same in every time zone. */
function showDate(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
