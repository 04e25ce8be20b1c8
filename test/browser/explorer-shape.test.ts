// The Explorer's shape: accessible in both widths and schemes, and at home on any static host, under any path.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startExplorer } from './explorer-site.ts'
import { seriousFindings } from './page-checks.ts'

// A name that is not the machine's own: for a page without https there, browsers withhold hashes and the clipboard.
const ELSEWHERE = 'explorer.test'
const explorer = await startExplorer([`--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`])

/** A static host that knows nothing of the Explorer: no headers but the type, and files under a path of its own. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
}
const PATH = '/~someone/explorer/'
const host = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '', 'http://localhost')
  const path = pathname.startsWith(PATH) ? pathname.slice(PATH.length) || 'index.html' : 'nothing'
  readFile(join(explorer.folder, path)).then(
    (body) => response.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? '' }).end(body),
    () => response.writeHead(404).end(),
  )
})
await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
const address = host.address()
const port = typeof address === 'object' ? address?.port : undefined

const test = suite('the Explorer’s shape')
test.after(async () => {
  host.closeAllConnections()
  host.close()
  await explorer.close()
})

/** Where the pages are to be looked at: kept from one run to the next, never in the repository. */
const PICTURES = fileURLToPath(new URL('../../results/explorer-pictures', import.meta.url))

/** A screen as high as the page: what is below the screen is not drawn, and so neither photographed nor examined. */
async function tall(page: Page, width: number): Promise<void> {
  for (let times = 0; times < 2; times++) {
    const height = await page.evaluate(() => document.documentElement.scrollHeight)
    await page.setViewportSize({ width, height })
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))))
  }
}

const STATE = '#text=def+area(r):%0A++++return+3.14+*+r&feature=4-12&edit=up-4-12-20&token=5'

for (const width of [1280, 390])
  for (const scheme of ['light', 'dark'] as const)
    test(`axe finds nothing serious, nor does the page scroll sideways: ${width} px, ${scheme}`, () =>
      explorer.visit(
        async ({ page, ...visitor }) => {
          await page.locator('section.panel .findings').waitFor()
          await page.locator('#changes').waitFor()
          await tall(page, width)
          await page.screenshot({ path: join(PICTURES, `${width}-${scheme}.png`) })
          await page.evaluate(() => {
            for (const title of document.querySelectorAll<HTMLElement>('.fold[aria-expanded="false"]'))
              title.click()
          })
          await page.evaluate(() => {
            for (const details of document.querySelectorAll('details')) details.open = true
          })
          await tall(page, width)
          assert.is(await page.evaluate(() => document.documentElement.scrollWidth), width)
          const cut = await page
            .locator('.results > section') // each is a frame of its own, which would hide what sticks out
            .evaluateAll((all) =>
              all.flatMap((section) =>
                section.scrollWidth > section.clientWidth ? [section.getAttribute('aria-labelledby')] : [],
              ),
            )
          assert.equal(cut, [])
          const unstyled = await page
            .locator('button')
            .evaluateAll((all) => all.filter((button) => getComputedStyle(button).borderStyle === 'outset'))
          assert.is(unstyled.length, 0, 'buttons as the browser draws them')
          assert.equal(await seriousFindings(page), [])
          // what the browser was asked for is seen here, the workers' files too
          assert.ok(visitor.requests.some((request) => /\/files\/model\.\w+\.safetensors$/.test(request)))
        },
        { url: `${explorer.url}${STATE}`, width, scheme },
      ))

const titles = (page: Page) =>
  page
    .locator('#explorer section h2')
    .evaluateAll((all) => all.map((title) => title.textContent?.trim() ?? ''))

test('every title is a question; on a phone the same blocks fold to them, and open by keyboard', () =>
  explorer.visit(async ({ page }) => {
    await page.locator('#share').waitFor()
    const questions = await titles(page)
    for (const title of questions) assert.match(title, /\?$/)
    assert.is(await page.locator('.fold').count(), 0)
    await page.setViewportSize({ width: 390, height: 844 })
    await page.locator('.fold').first().waitFor()
    assert.equal(await titles(page), questions)
    const attention = page.getByRole('button', { name: 'Which tokens look at which?', exact: true })
    assert.is(await page.locator('.head').count(), 0)
    await attention.focus()
    await page.keyboard.press('Enter')
    assert.is(await attention.getAttribute('aria-expanded'), 'true')
    await page.locator('.head').first().waitFor()
    await page.keyboard.press('Space')
    assert.is(await page.locator('.head').count(), 0)
    await page.setViewportSize({ width: 1280, height: 844 })
    await page.locator('.head').first().waitFor()
  }))

test('on a plain static host, under a path: all of it, on one thread', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      assert.match(await visitor.fact('Runs'), /^simd.*, 1 thread$/)
      await visitor.page.locator('button.bar').first().click()
      await visitor.page.locator('section.panel .findings').waitFor()
      await visitor.rerun(() => visitor.page.getByLabel('What computes').selectOption('gpujs:cpu'))
      assert.match(await visitor.fact('Runs'), /plain JavaScript/)
    },
    { url: `http://127.0.0.1:${port}${PATH}` },
  ))

test('from another machine without https: the page says that files were not hashed, and gives the link to copy by hand', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      await visitor.page.getByText('Only the lengths of the files were checked').waitFor()
      await visitor.button('Copy link').click()
      const link = visitor.page.getByLabel('this is the link')
      assert.match(await link.inputValue(), new RegExp(`^http://${ELSEWHERE}`))
    },
    { url: `http://${ELSEWHERE}:${port}${PATH}` },
  ))

test.run()
