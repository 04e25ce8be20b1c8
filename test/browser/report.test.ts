import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderBlackBoxReport } from '../../experiments/black-box/black-box-page.ts'
import { HOSTILE, sampleReport } from '../helpers/report-sample.ts'
import { launchChromium } from './chromium.ts'
import { openAll, seriousFindings, visit } from './page-checks.ts'

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
        assert.equal(await seriousFindings(page), [])
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
      .locator('.texts')
      .first()
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
    const layer = page.locator('#tokens ~ details.layers').first()
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

test('on paper all that is folded is open', async ({ browser, tame }) => {
  await visit(browser, tame, {}, async (page) => {
    const folded = 'details .detail, details table, details article'
    const countHidden = (selector: string) =>
      [...document.querySelectorAll(selector)].filter((element) => !element.checkVisibility()).length
    assert.ok((await page.evaluate(countHidden, folded)) > 20)
    await page.emulateMedia({ media: 'print' })
    // The page is laid out for paper a frame later.
    await page.waitForFunction(
      (selector) => [...document.querySelectorAll(selector)].every((element) => element.checkVisibility()),
      folded,
    )
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
