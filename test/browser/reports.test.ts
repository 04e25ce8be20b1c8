// The reports of `feature`, `form-or-idea`, `sae-quality`, `ablation` and `attribute`, as their commands write them, in Chromium.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runScript } from '../helpers/cli.ts'
import { launchChromium } from './chromium.ts'
import { openAll, seriousFindings, visit } from './page-checks.ts'

/** Each command, small, and where its report lies. */
const commands: [experiment: string, report: string, args: string[]][] = [
  ['feature', 'tiny/3-12', ['--layer', '3', '--feature', '12,40']],
  ['form-or-idea', 'tiny', ['--layers', '4', '--permutations', '50']],
  ['sae-quality', 'tiny', ['--layers', '0,3']],
  ['ablation', 'tiny', ['--layers', '5', '--texts-per-category', '1', '--random', '0', '--resamples', '50']],
  [
    'attribution',
    'tiny',
    ['--text', 'import numpy as', '--corrupted', 'import pandas as', '--layers', '2,3', '--ablate', '20'],
  ],
]

const test = suite<{ folder: string; browser: Browser }>('reports in Chromium')

test.before(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'clearbox-reports-'))
  for (const [experiment, , args] of commands) {
    const { status, stderr } = runScript(`experiments/${experiment}/main.ts`, args, context.folder)
    if (status !== 0) throw new Error(`${experiment}: ${stderr}`)
  }
  context.browser = await launchChromium()
})

test.after(async ({ browser, folder }) => {
  await browser?.close()
  await rm(folder, { recursive: true })
})

for (const [experiment, report] of commands)
  for (const [width, scheme] of [
    [1280, 'light'],
    [390, 'dark'],
  ] as const)
    // prettier-ignore
    test(`${experiment}: axe finds nothing serious, nothing goes wrong, nor does it scroll sideways: ${width} px, ${scheme}`, async (context) => {
      const path = join(context.folder, 'results', experiment, report, 'report.html')
      const noticed = await visit(
        context.browser,
        pathToFileURL(path).href,
        { width, scheme },
        async (page) => {
          await openAll(page)
          assert.is(await page.evaluate(() => document.documentElement.scrollWidth), width)
          assert.equal(await seriousFindings(page), [])
          assert.ok((await page.locator('h2').count()) >= 3)
        },
      )
      assert.equal(noticed, [])
    })

test('the index leads to each report, and each back to the index', async ({ browser, folder }) => {
  const index = pathToFileURL(join(folder, 'results', 'index.html')).href
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(index)
  const count = await page.locator('a').count()
  assert.is(count, commands.length + 1) // feature names its folder, too
  for (let i = 0; i < count; i++) {
    await page.locator('a').nth(i).click()
    await page.getByRole('link', { name: 'All results' }).click()
    assert.is(page.url(), index)
  }
  await context.close()
  assert.ok((await readFile(join(folder, 'results', 'index.html'), 'utf8')).includes('ablation/tiny'))
})

test.run()
