// The index of a corpus, opened as a file: searched, paged, with its data loaded when it is asked for.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runScript } from '../helpers/cli.ts'
import { HOSTILE } from '../helpers/report-sample.ts'
import { launchChromium } from './chromium.ts'
import { seriousFindings, visit } from './page-checks.ts'

const test = suite<{ folder: string; browser: Browser; url: string }>('corpus index in Chromium')

test.before(async (context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'corpus-index-'))
  const texts = join(context.folder, 'texts.jsonl')
  const documents = [...HOSTILE, 'def add(a, b):\n    return a + b', 'The cat sat on the mat.']
  writeFileSync(texts, documents.map((text) => JSON.stringify({ text, category: text })).join('\n'))
  const out = join(context.folder, 'out')
  const { status, stderr } = runScript('experiments/tools/corpus/main.ts', [
    ...['--texts', texts, '--layers', '2,4', '--out', out, '--json'],
  ])
  assert.is(status, 0, stderr)
  context.url = pathToFileURL(join(out, 'index.html')).href
  context.browser = await launchChromium()
})

test.after(async ({ browser, folder }) => {
  await browser?.close()
  rmSync(folder, { recursive: true })
})

const told = (page: Page, pattern: RegExp) => page.locator('#status', { hasText: pattern }).waitFor()

test('features by page, by token, by text and by density; hostile texts are shown and never run', async ({
  browser,
  url,
}) => {
  const mayAsk = (address: string) => address === url || address.startsWith(new URL('data/', url).href)
  const noticed = await visit(browser, url, { mayAsk }, async (page) => {
    await told(page, /^features 1 to 20 of 1,024$/)
    assert.is(await page.locator('article.card').count(), 20)
    await page.locator('#next').click()
    await told(page, /^features 21 to 40 of 1,024$/)
    await page.locator('#order').selectOption('density')
    await told(page, /^features 1 to 20 of 1,024$/)
    assert.ok((await page.locator('mark').count()) > 20)
    await page.locator('#from').fill('1')
    await page.locator('#from').press('Enter')
    await told(page, /^features 1 to 20 of (?!1,024)\d+$/)
    await page.locator('#text').fill('cat sat')
    await page.locator('#text').press('Enter')
    await told(page, /^features 1 to \d+ of (?!1,024)\d+$/)
    await page.locator('.card', { hasText: 'cat sat' }).first().waitFor()
    await page.locator('#text').fill('no such text anywhere')
    await page.locator('#text').press('Enter')
    await told(page, /^no feature found$/)
    await page.locator('#text').fill('')
    await page.locator('#from').fill('')
    await page.locator('#token').fill('return')
    await page.locator('#token').press('Enter')
    await told(page, /^features 1 to \d+ of \d+$/)
    await page.locator('#layer').selectOption('4')
    await page.locator('.card', { hasText: 'Layer 4' }).first().waitFor()
    assert.equal(await seriousFindings(page), [])
  })
  assert.equal(noticed, [])
})

test.run()
