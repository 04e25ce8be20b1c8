import { readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseHTML } from 'linkedom'

/** Follows a report's link to the index of results. -> the files that the index links; each link must lead to a page */
export function reportsBeside(report: string): string[] {
  const index = linksOf(report, 'nav a').find((path) => path.endsWith('index.html'))
  if (index === undefined) throw new Error(`${report} does not link the index of results`)
  const reports = linksOf(index, 'a')
  for (const path of reports) linksOf(path, 'a')
  return reports
}

/** The files that a page links by relative addresses. */
function linksOf(page: string, selector: string): string[] {
  const { document } = parseHTML(readFileSync(page, 'utf8'))
  const hrefs = Array.from(document.querySelectorAll(selector), (link) => link.getAttribute('href') ?? '')
  return hrefs
    .filter((href) => !/^(#|https?:)/.test(href))
    .map((href) => fileURLToPath(new URL(href, pathToFileURL(page))))
}
