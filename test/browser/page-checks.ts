import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { AxeResults } from 'axe-core'
import * as assert from 'uvu/assert'
import type { Browser, BrowserContext, Page } from 'playwright-core'

const AXE = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

/** Milliseconds: a machine may be busy with other things. */
const PATIENCE = 100_000

/** How a page is looked at. */
export interface View {
  readonly width?: number
  readonly scheme?: 'light' | 'dark'
  readonly script?: boolean
  /** Whether a service worker may keep the page: left out, no, so that each visit asks the server for all. */
  readonly offline?: boolean
  readonly reducedMotion?: 'reduce' | 'no-preference'
  /** Before the page opens. */
  readonly prepare?: (page: Page, context: BrowserContext) => Promise<void>
  /** Which addresses the page and its workers may ask for; left out, its own alone. */
  readonly mayAsk?: (address: string) => boolean
}

/** Opens the page, does `act`, and gives what the page did that it should not: dialogs, errors, requests. */
export async function visit(browser: Browser, url: string, view: View, act: (page: Page) => Promise<void>) {
  const { width = 1280, scheme = 'light', script = true, reducedMotion, prepare, offline = false } = view
  const { mayAsk = (address) => address === url } = view
  const context = await browser.newContext({
    viewport: { width, height: 844 },
    colorScheme: scheme,
    javaScriptEnabled: script,
    reducedMotion,
    serviceWorkers: offline ? 'allow' : 'block',
  })
  context.setDefaultTimeout(PATIENCE)
  const page = await context.newPage()
  const noticed: string[] = []
  page.on('dialog', (dialog) => {
    noticed.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  // A policy that stops something is told here, too.
  page.on('console', (message) => {
    if (message.text() !== 'Service Worker registration blocked by Playwright')
      noticed.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => noticed.push(`error: ${error.message}`))
  context.on('request', (request) => {
    if (!mayAsk(request.url()) && !request.url().startsWith('data:'))
      noticed.push(`request: ${request.url()}`)
  })
  try {
    await prepare?.(page, context)
    await page.goto(url)
    await act(page)
  } finally {
    await context.close()
  }
  return noticed
}

/** Unfolds all that folds, and presses every button. */
export const openAll = (page: Page): Promise<void> =>
  page.evaluate(() => {
    for (const details of document.querySelectorAll('details')) details.open = true
    for (const button of document.querySelectorAll('button')) button.click()
  })

/** What axe calls serious or critical, with the elements; colour contrast must have been among what it looked at. */
export async function seriousFindings(page: Page): Promise<[id: string, elements: string[]][]> {
  await page.evaluate(AXE)
  // Only violations are described in full: it takes half the time.
  const result = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(options: object): AxeResults } }).axe.run({
      resultTypes: ['violations'],
    }),
  )
  assert.ok(result.passes.some(({ id }) => id === 'color-contrast'))
  return result.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html }) => html.slice(0, 200))])
}
