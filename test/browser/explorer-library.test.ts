// The library of features, and a card alone in a frame of another page.
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startExplorer, type Visitor } from './explorer-site.ts'
import { seriousFindings } from './page-checks.ts'

const explorer = await startExplorer()
const test = suite('the Explorer’s library')
test.after(() => explorer.close())

const PICTURES = fileURLToPath(new URL('../../results/explorer-pictures', import.meta.url))

const section = ({ page }: Pick<Visitor, 'page'>) => page.locator('section[aria-labelledby="library"]')

/** The features that are listed, as `LAYER-FEATURE`. */
const listed = (visitor: Visitor): Promise<string[]> =>
  section(visitor)
    .locator('[data-library]')
    .evaluateAll((all) => all.map((button) => (button as HTMLElement).dataset.library ?? ''))

/** Waits for what the library says of what it found. */
const says = (visitor: Visitor, words: RegExp) =>
  section(visitor).getByRole('status').filter({ hasText: words }).waitFor()

test('nothing of it is fetched before it comes into sight; then all features are there, page by page', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    await visitor.ready()
    assert.not.ok(visitor.requests.some((request) => /index\.\w+\.bin$/.test(request)))
    await section(visitor).evaluate((element) => element.scrollIntoView())
    await says(visitor, /Features 1 to 20 of 6,144/)
    assert.is(visitor.requests.filter((request) => /layer\d\.index\.\w+\.bin$/.test(request)).length, 6)
    assert.equal((await listed(visitor)).slice(0, 2), ['0-0', '0-1'])
    await page.getByRole('button', { name: 'Next 20' }).click()
    await says(visitor, /Features 21 to 40/)
    await page.goBack()
    await says(visitor, /Features 1 to 20/)
  }))

test('searched by the token that it fires on, by one that it promotes, by a text; sorted; Back undoes it', () =>
  explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await visitor.ready()
      await says(visitor, /^Features 1 to 20 of 61$/)
      assert.is(await page.getByLabel('Words').inputValue(), 'import')
      const rows = section(visitor).locator('.found li')
      assert.match((await rows.first().locator('span').nth(2).textContent()) ?? '', /^“·import”/)
      await page.getByLabel('Look for').selectOption('promotes')
      await says(visitor, /^Features 1 to 20 of 51$/)
      // the first fires on it, too; the second and the third only promote it
      assert.equal((await listed(visitor)).slice(0, 3), ['0-464', '2-904', '3-98'])
      for (const row of [0, 1, 2])
        assert.match((await rows.nth(row).locator('span').nth(3).textContent()) ?? '', /“·import”/)
      await page.getByLabel('Look for').selectOption('text')
      await page.getByLabel('Words').fill('import numpy as np')
      await section(visitor).getByText('In this text').waitFor()
      await section(visitor).getByRole('search').locator('select').first().selectOption('3')
      await page.getByLabel('Order').selectOption('rare')
      await page.waitForFunction(() => {
        const all = [...document.querySelectorAll<HTMLElement>('[data-library]')]
        return all.length > 1 && all.every(({ dataset }) => dataset.library?.startsWith('3-'))
      })
      assert.match(decodeURIComponent(page.url()), /library=3-text-rare-0-import\+numpy/)
      await page.goBack()
      await page.waitForFunction(
        () =>
          (document.querySelector('.fields[role="search"] label:last-child select') as HTMLSelectElement)
            .value === 'best',
      )
      await page.getByLabel('Words').fill('no such words, of which a feature could')
      await page.getByLabel('Look for').selectOption('fires')
      await says(visitor, /No feature has such a token/)
    },
    { url: `${explorer.url}#library=all-fires-best-0-import` },
  ))

test('opened by layer and number; a number that there is not says what there is; keyboard alone; focus returns', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    await visitor.ready()
    await section(visitor).evaluate((element) => element.scrollIntoView())
    await says(visitor, /Features 1 to 20/)
    const number = section(visitor).locator('input[name="feature"]')
    await number.focus()
    await page.keyboard.type('5000')
    await page.keyboard.press('Enter')
    assert.is(
      await section(visitor).getByRole('alert').innerText(),
      'Layer 0 has features 0 to 1023: type one of these numbers.',
    )
    await section(visitor).locator('select[name="layer"]').selectOption('3')
    await number.fill('928')
    await number.press('Enter')
    await page.locator('section.panel .findings').waitFor()
    assert.is(await page.locator('h2#card').innerText(), 'What is feature 928 of layer 3?')
    assert.is(await page.evaluate(() => document.activeElement?.id), 'card')
    assert.is(await section(visitor).getByRole('alert').count(), 0)
    await page.keyboard.press('Escape')
    assert.ok(await number.evaluate((element) => element === document.activeElement))
    const row = section(visitor).locator('[data-library="0-2"]')
    await row.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'What is feature 2 of layer 0?' }).waitFor()
    assert.is(await row.getAttribute('aria-pressed'), 'true')
    await page.locator('.in-corpus li').first().waitFor()
    await page.keyboard.press('Escape')
    assert.ok(await row.evaluate((element) => element === document.activeElement))
  }))

test('on a phone it is fetched when it is unfolded', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      const title = section(visitor).getByRole('button', { name: 'Which features are there?' })
      await title.scrollIntoViewIfNeeded()
      assert.is(await section(visitor).locator('form').count(), 0)
      await title.click()
      await says(visitor, /Features 1 to 20/)
    },
    { width: 390 },
  ))

test('two tabs search each their own', () =>
  explorer.visit(
    async (visitor) => {
      await says(visitor, /of \d+$/)
      const other = await visitor.page.context().newPage()
      await other.goto(`${explorer.url}#library=2-promotes-best-0-the`)
      await section({ page: other }).locator('[data-library^="2-"]').first().waitFor()
      assert.is(await visitor.page.getByLabel('Words').inputValue(), 'import')
      assert.is(await other.getByLabel('Words').inputValue(), 'the')
    },
    { url: `${explorer.url}#library=all-fires-best-0-import` },
  ))

test('an index that is missing is said; the page works on, and another search finds it once it is there', async () => {
  let mend = (): Promise<void> => Promise.resolve()
  await explorer.visit(
    async (visitor) => {
      await visitor.ready()
      const notice = section(visitor).getByRole('alert')
      await notice.waitFor()
      assert.match((await notice.textContent()) ?? '', /layer1\.index\.\w+\.bin: the server answered 404/)
      assert.is(await visitor.data('state'), 'ready')
      await mend()
      await visitor.page.getByLabel('Words').fill('the')
      await says(visitor, /Features 1 to/)
    },
    {
      url: `${explorer.url}#library=1-fires-best-0-import`,
      prepare: async (_, context) => {
        const files = /layer1\.index/
        await context.route(files, (route) => route.fulfill({ status: 404, body: 'not here' }))
        mend = () => context.unroute(files)
      },
      expected: /Failed to load resource/,
    },
  )
})

test('the page leads to its documents and to the source that it shows', () =>
  explorer.visit(async ({ page }) => {
    await page.getByText('Documents and source').click()
    const links = await page
      .locator('.files a')
      .evaluateAll((all) => (all as HTMLAnchorElement[]).map(({ href }) => href))
    assert.ok(links.some((href) => href.endsWith('source/experiments/explorer/README.md.txt')))
    for (const href of links) assert.is((await page.request.get(href)).status(), 200, href)
  }))

for (const width of [1280, 390])
  for (const scheme of ['light', 'dark'] as const) {
    test(`axe finds nothing serious in the library, nor does it stick out: ${width} px, ${scheme}`, () =>
      explorer.visit(
        async (visitor) => {
          const { page } = visitor
          await visitor.ready()
          if (width === 390) await visitor.button('Which features are there?').click() // folded on a phone
          await says(visitor, /Features 1 to 20/)
          await section(visitor).evaluate((element) => element.scrollIntoView())
          await section(visitor).screenshot({ path: join(PICTURES, `library-${width}-${scheme}.png`) })
          assert.ok(await section(visitor).evaluate((element) => element.scrollWidth <= element.clientWidth))
          assert.is(await page.evaluate(() => document.documentElement.scrollWidth), width)
          assert.equal(await seriousFindings(page), [])
        },
        { url: `${explorer.url}#library=all-fires-best-0-the`, width, scheme },
      ))

    test(`a card alone: what the corpus says, a way to the page, no model; axe: ${width} px, ${scheme}`, () =>
      explorer.visit(
        async ({ page, requests }) => {
          await page.getByRole('heading', { name: 'Layer 3, feature 928' }).waitFor()
          await page.getByText('it fires on 20.6 % of the tokens (829)').waitFor()
          assert.is(await page.locator('header, textarea').count(), 0)
          assert.not.ok(
            requests.some((request) => /safetensors|worker|app-/.test(request)),
            requests.join(' '),
          )
          await page.getByText('A sample of its firings').click()
          await page.screenshot({ path: join(PICTURES, `card-${width}-${scheme}.png`), fullPage: true })
          assert.is(await page.evaluate(() => document.documentElement.scrollWidth), width)
          assert.equal(await seriousFindings(page), [])
          await page.getByRole('link', { name: '882' }).click()
          await page.getByRole('heading', { name: 'Layer 3, feature 882' }).waitFor()
          const whole = await page
            .getByRole('link', { name: 'This feature in the Explorer' })
            .getAttribute('href')
          assert.match(whole!, /^\.\/#.*feature=3-882/)
        },
        { url: `${explorer.url}?card=3.928`, width, scheme },
      ))
  }

test('a card that there is not: what there is', async () => {
  for (const [wanted, said] of [
    ['9.1', 'There is no layer 9. There are layers 0 to 5.'],
    ['3.1024', 'Layer 3 has no feature 1024. It has features 0 to 1023.'],
    [
      '<b>',
      'The address does not say which card. Write it as ?card=3.928: layer, feature. There are layers 0 to 5.',
    ],
  ])
    await explorer.visit(
      async ({ page }) => {
        assert.is(await page.getByRole('alert').innerText(), said)
        await page.getByRole('link', { name: 'The Explorer' }).waitFor()
      },
      { url: `${explorer.url}?card=${encodeURIComponent(wanted)}` },
    )
})

test('another site’s page frames the card, and the card alone', async () => {
  const frame = (address: string): string =>
    `<iframe src="${address}" title="a feature" width="600" height="500"></iframe>`
  const body = `<!doctype html><title>a post</title>${frame(`${explorer.url}?card=3.928`)}${frame(explorer.url)}`
  const host = createServer(
    (_, response) => void response.writeHead(200, { 'Content-Type': 'text/html' }).end(body),
  )
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
  const address = host.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const context = await explorer.browser.newContext()
  try {
    const page = await context.newPage()
    const refused: string[] = []
    page.on('console', (message) => refused.push(message.text()))
    await page.goto(`http://localhost:${port}/`) // another origin than the Explorer's 127.0.0.1
    await page.frameLocator('iframe').first().getByRole('heading', { name: 'Layer 3, feature 928' }).waitFor()
    assert.is(await page.frameLocator('iframe').nth(1).locator('#text').count(), 0)
    assert.ok(
      refused.some((line) => /frame-ancestors/.test(line)),
      refused.join('\n'),
    )
  } finally {
    await context.close()
    host.close()
    host.closeAllConnections()
  }
})

test.run()
