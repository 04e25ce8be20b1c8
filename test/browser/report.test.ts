import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderBlackBoxReport } from '../../experiments/black-box/report.ts'
import { HOSTILE, sampleReport } from '../helpers/report-sample.ts'
import { launchChromium } from './chromium.ts'

const AXE = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

const test = suite<{ folder: string; browser: Browser; tame: string; hostile: string }>('report in Chromium')

test.before(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'clearbox-report-'))
  const write = async (name: string, hostile: boolean): Promise<string> => {
    const path = join(context.folder, name)
    await writeFile(path, renderBlackBoxReport(sampleReport({ hostile, textsEach: 4 })))
    return pathToFileURL(path).href
  }
  context.tame = await write('tame.html', false)
  context.hostile = await write('hostile.html', true)
  context.browser = await launchChromium()
})

test.after(async ({ browser, folder }) => {
  await browser?.close()
  await rm(folder, { recursive: true })
})

interface View {
  width?: number
  scheme?: 'light' | 'dark'
  script?: boolean
}

/** Opens the page, does `act`, and gives what the page did that it should not: dialogs, errors, requests. */
async function visit(browser: Browser, url: string, view: View, act: (page: Page) => Promise<void>) {
  const { width = 1280, scheme = 'light', script = true } = view
  const context = await browser.newContext({
    viewport: { width, height: 844 },
    colorScheme: scheme,
    javaScriptEnabled: script,
  })
  const page = await context.newPage()
  const noticed: string[] = []
  page.on('dialog', (dialog) => {
    noticed.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => noticed.push(`console: ${message.text()}`))
  page.on('pageerror', (error) => noticed.push(`error: ${error.message}`))
  page.on('request', (request) => {
    if (request.url() !== url && !request.url().startsWith('data:')) noticed.push(`request: ${request.url()}`)
  })
  try {
    await page.goto(url)
    await act(page)
  } finally {
    await context.close()
  }
  return noticed
}

const openAll = (page: Page): Promise<void> =>
  page.evaluate(() => {
    for (const details of document.querySelectorAll('details')) details.open = true
    for (const button of document.querySelectorAll('button')) button.click()
  })

test('hostile texts are shown and never run; nothing is asked of the network', async ({
  browser,
  hostile,
}) => {
  const noticed = await visit(browser, hostile, {}, async (page) => {
    await openAll(page)
    await page.locator('mark').first().click()
    const findings = await page.locator('.findings').innerText()
    for (const string of HOSTILE.slice(0, 5)) assert.ok(findings.includes(string), string)
    assert.is(await page.locator('img').count(), 0)
  })
  assert.equal(noticed, [])
})

test('should markup slip through, the security policy stops its scripts, styles and images', async (context) => {
  const injected =
    '<img src="https://example.invalid/x.png" onerror="alert(1)"><script>alert(2)</script><main>'
  const page = await readFile(fileURLToPath(context.tame), 'utf8')
  const path = join(context.folder, 'injected.html')
  await writeFile(path, page.replace('<main>', injected))
  const noticed = await visit(context.browser, pathToFileURL(path).href, {}, async () => {})
  // Chromium reports the image's request too, though it never leaves.
  const stopped = noticed.filter((line) => !line.startsWith('request: https://example.invalid/'))
  assert.is(stopped.length, 3)
  for (const line of stopped) assert.match(line, /^console: .*Content Security Policy.* blocked/)
})

for (const width of [1280, 390])
  for (const scheme of ['light', 'dark'] as const)
    test(`axe finds nothing serious, nor does the page scroll sideways: ${width} px, ${scheme}`, async (context) => {
      const noticed = await visit(context.browser, context.hostile, { width, scheme }, async (page) => {
        await openAll(page)
        assert.is(await page.evaluate(() => document.documentElement.scrollWidth), width)
        await page.evaluate(AXE)
        // Only violations are described in full: it takes half the time.
        const result = await page.evaluate(() =>
          (globalThis as unknown as { axe: { run(options: object): AxeResults } }).axe.run({
            resultTypes: ['violations'],
          }),
        )
        const bad = result.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
        assert.equal(
          bad.map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html }) => html.slice(0, 200))]),
          [],
        )
        assert.ok(result.passes.some(({ id }) => id === 'color-contrast'))
        assert.ok((await page.locator('mark:visible').count()) > 50)
      })
      assert.equal(noticed, [])
    })

test('the button brings every text that fires, each once, and puts the focus on the first new one', async (context) => {
  const noticed = await visit(context.browser, context.tame, { width: 390 }, async (page) => {
    const id = await page.locator('article:has(button)').last().getAttribute('id')
    const card = page.locator(`[id="${id}"]`)
    const said = Number(/Fires in (\d+)/.exec(await card.innerText())?.[1])
    const before = await card.locator('.texts').first().locator('li').allInnerTexts()
    const shownHtml = await card
      .locator('.tokens')
      .first()
      .evaluate((element) => element.outerHTML)
    await card.locator('button').press('Enter')
    const texts = await card.locator('.texts').first().locator('li').allInnerTexts()
    assert.is(texts.length, said)
    assert.is(new Set(texts).size, said)
    assert.equal(texts.slice(0, before.length), before)
    assert.is(await page.evaluate(() => document.activeElement?.tagName), 'LI')
    // The script writes a text exactly as the renderer does.
    const shape = (markup: string): string =>
      markup.replace(/>[^<]*</g, '><').replace(/title="[^"]*"|h\d/g, '')
    const added = await card
      .locator('.tokens')
      .last()
      .evaluate((element) => element.outerHTML)
    const names = (markup: string): string[] => [...new Set(shape(markup).match(/<[^>]+>/g))].sort()
    assert.equal(names(added), names(shownHtml))
  })
  assert.equal(noticed, [])
})

test('a link to a feature opens its layer; a tapped token tells its number', async ({ browser, tame }) => {
  await visit(browser, tame, { width: 390 }, async (page) => {
    const layer = page.locator('#tokens ~ details').first()
    assert.is(await layer.evaluate((details) => (details as HTMLDetailsElement).open), false)
    const id = await layer.locator('article').first().getAttribute('id')
    await page.evaluate((hash) => (location.hash = hash), `#${id}`)
    const mark = layer.locator('mark').first()
    await mark.waitFor({ state: 'visible' })
    await mark.click()
    assert.is(await page.locator('.readout').innerText(), await mark.getAttribute('title'))
  })
})

test('without script the page still shows each feature’s strongest texts and no dead button', async (context) => {
  await visit(context.browser, context.tame, { script: false }, async (page) => {
    assert.ok((await page.locator('details[open] mark').count()) > 10)
    assert.is(await page.locator('button:visible').count(), 0)
    assert.ok(await page.locator('details[open] .rest span').first().isVisible())
  })
})

test('every frame that scrolls can be reached by keyboard and says what it is', async ({ browser, tame }) => {
  await visit(browser, tame, { width: 390 }, async (page) => {
    await openAll(page)
    const frames = await page
      .locator('.scroll')
      .evaluateAll((elements) =>
        elements.map((element) => [
          (element as HTMLElement).tabIndex,
          element.getAttribute('aria-label') !== '',
        ]),
      )
    assert.ok(frames.length > 10)
    for (const frame of frames) assert.equal(frame, [0, true])
  })
})

test.run()
