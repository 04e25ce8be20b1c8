import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { buildExplorer } from '../../experiments/explorer/build/build.ts'
import type { exportRun } from '../../experiments/explorer/page/export.ts'
import { serveFolder } from '../../experiments/explorer/serve-node.ts'
import { launchChromium } from './chromium.ts'
import { visit, type View } from './page-checks.ts'

/** The Explorer as people meet it: really built, served by its own server, in a browser. */
export interface Explorer {
  /** Where it lies, to be read alone. */
  readonly folder: string
  /** Its address, cross-origin isolated: threads may share memory. */
  readonly url: string
  /** The same files on a server that sends no such headers. */
  readonly plainUrl: string
  readonly browser: Browser
  visit(act: (visitor: Visitor) => Promise<void>, options?: VisitOptions): Promise<void>
  close(): Promise<void>
}

export interface VisitOptions extends Omit<View, 'script' | 'mayAsk'> {
  /** Another address than the Explorer's own. */
  readonly url?: string
  /** What the browser may complain of: faults that the test itself causes. */
  readonly expected?: RegExp
  /** Whether the page is seen for the first time, and so leads through its steps. */
  readonly firstVisit?: boolean
}

type Exported = ReturnType<typeof exportRun>

/** Where the built page is to be read, not written: the files that one `test/run.ts` runs share it. */
async function builtExplorer(parent: string): Promise<string> {
  const own = join(parent, 'site')
  const run = process.env.CLEARBOX_TEST_RUN
  if (run === undefined) {
    await buildExplorer(own, () => {})
    return own
  }
  const shared = join(run, 'explorer')
  if (existsSync(shared)) return shared
  // Two files that begin at once both build; who ends later keeps its own.
  await buildExplorer(own, () => {})
  return rename(own, shared).then(
    () => shared,
    () => own,
  )
}

/** Serves the built page, and starts a browser. */
export async function startExplorer(flags: readonly string[] = []): Promise<Explorer> {
  const parent = await mkdtemp(join(tmpdir(), 'clearbox-explorer-'))
  const folder = await builtExplorer(parent)
  const site = await serveFolder({ root: folder, port: 0 })
  const plain = await serveFolder({ root: folder, port: 0, isolated: false })
  const browser = await launchChromium(flags)
  return {
    ...{ folder, url: site.url, plainUrl: plain.url, browser },
    visit: (act, options = {}) => visitAs(browser, { url: site.url, ...options }, act),
    async close() {
      await browser.close()
      await Promise.all([site.close(), plain.close()])
      await rm(parent, { recursive: true })
    },
  }
}

/** Opens a page, has the visitor act, and fails if the page did what it never should: complain, ask, or go elsewhere. */
async function visitAs(
  browser: Browser,
  { url, expected, firstVisit = false, ...view }: VisitOptions & { url: string },
  act: (visitor: Visitor) => Promise<void>,
): Promise<void> {
  const { origin } = new URL(url)
  const requests: string[] = []
  const mayAsk = (address: string): boolean => {
    requests.push(address)
    return address.startsWith('blob:') || new URL(address).origin === origin
  }
  const prepare: typeof view.prepare = async (page, context) => {
    if (!firstVisit) await page.addInitScript(() => localStorage.setItem('clearbox-tour', 'seen'))
    await view.prepare?.(page, context)
  }
  const noticed = await visit(browser, url, { ...view, prepare, mayAsk }, (page) =>
    act(new Visitor(page, requests)),
  )
  assert.equal(
    noticed.filter((line) => !expected?.test(line)),
    [],
  )
}

/** Someone at the page. */
export class Visitor {
  readonly page: Page
  /** All addresses that the page and its workers asked for. */
  readonly requests: readonly string[]

  constructor(page: Page, requests: readonly string[]) {
    this.page = page
    this.requests = requests
  }

  /** Waits until the last text is read and painted. */
  async ready(): Promise<void> {
    await this.page.locator('#explorer[data-state="ready"]').waitFor()
    await this.page.locator('#explorer:not([data-run-id=""])').waitFor()
  }

  /** Does something that asks for another run, and waits for its picture. */
  async rerun(act: () => Promise<unknown>): Promise<void> {
    const before = await this.data('run-id')
    await act()
    await this.page.locator(`#explorer[data-state="ready"]:not([data-run-id="${before}"])`).waitFor()
  }

  /** Another text, all at once, as one pastes it. */
  write(text: string): Promise<void> {
    return this.rerun(() => this.page.locator('#text').fill(text))
  }

  /** What the page says of itself: state, run-id, run-ms. */
  async data(name: string): Promise<string> {
    return (await this.page.locator('#explorer').getAttribute(`data-${name}`)) ?? ''
  }

  button(name: string | RegExp): ReturnType<Page['getByRole']> {
    return this.page.getByRole('button', { name })
  }

  /** What runs, as the page says it. */
  fact(name: string): Promise<string> {
    return this.page.locator('.facts div', { hasText: name }).locator('dd').innerText()
  }

  /** The file that the page gives. */
  async exported(): Promise<Exported> {
    const [download] = await Promise.all([
      this.page.waitForEvent('download'),
      this.button('Download as JSON').click(),
    ])
    return JSON.parse(await readFile(await download.path(), 'utf8')) as Exported
  }

  /** The features that the page lists for the token at hand, layer by layer. */
  features(): Promise<{ layer: number; feature: number; value: number; shown: string }[]> {
    return this.page.locator('button.bar[data-feature]').evaluateAll((buttons) =>
      (buttons as HTMLElement[]).map((button) => ({
        layer: Number(button.dataset.layer),
        feature: Number(button.dataset.feature),
        value: Number(button.dataset.value),
        shown: button.querySelector('b')?.innerText ?? '',
      })),
    )
  }
}
