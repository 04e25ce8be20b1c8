// A first visit to the Explorer: led through five steps, which can be skipped, are remembered, and can be opened again.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startExplorer, type Visitor } from './explorer-site.ts'
import { seriousFindings } from './page-checks.ts'

const explorer = await startExplorer()
const test = suite('the Explorer’s first visit')
test.after(() => explorer.close())

const tour = ({ page }: Visitor) => page.locator('.tour')

for (const width of [1280, 390])
  test(`by keyboard alone, ${width} px: five steps, each at its section; then never again, until asked for`, () =>
    explorer.visit(
      async (visitor) => {
        const { page } = visitor
        await visitor.ready()
        await tour(visitor).getByText('Step 1 of 5').waitFor()
        for (const [number, id] of ['next', 'features', 'attention', 'changes'].entries()) {
          await tour(visitor).getByRole('button', { name: 'Next' }).focus()
          await page.keyboard.press('Enter')
          await tour(visitor)
            .getByText(`Step ${number + 2} of 5`)
            .waitFor()
          await page.locator(`section.toured[aria-labelledby="${id}"]`).waitFor()
          assert.is(await page.locator('.toured').count(), 1)
          assert.is(await page.evaluate(() => document.activeElement?.id), 'tour')
          assert.ok(
            await page.locator(`#${id}`).evaluate((title) => title.getBoundingClientRect().top < innerHeight),
          )
          assert.equal(await seriousFindings(page), [])
        }
        await page.locator('.heads').first().waitFor()
        assert.equal(
          (await visitor.exported()).edit?.changes.map(({ kind }) => kind),
          ['head'],
        )
        const again = visitor.button('Show me around in five steps')
        await tour(visitor).getByRole('button', { name: 'Done' }).press('Enter')
        await tour(visitor).waitFor({ state: 'detached' })
        await again.and(page.locator(':focus')).waitFor()
        await page.goto(explorer.url)
        await visitor.ready()
        assert.is(await tour(visitor).count(), 0)
        await again.press('Enter')
        await tour(visitor).getByText('Step 1 of 5').waitFor()
        await tour(visitor).getByRole('button', { name: 'Next' }).press('Enter')
        await tour(visitor).getByRole('button', { name: 'Back' }).press('Enter')
        await tour(visitor).getByText('Step 1 of 5').waitFor()
        await page.keyboard.press('Escape')
        await tour(visitor).waitFor({ state: 'detached' })
        await again.and(page.locator(':focus')).waitFor()
      },
      { firstVisit: true, width },
    ))

test('where storage is denied the steps open and close all the same', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      await tour(visitor).getByRole('button', { name: 'Skip' }).click()
      await tour(visitor).waitFor({ state: 'detached' })
      await visitor.write('typed after that')
      assert.is(await tour(visitor).count(), 0)
    },
    {
      firstVisit: true,
      prepare: async (page) => {
        await page.addInitScript(() => {
          Object.defineProperty(globalThis, 'localStorage', {
            get() {
              throw new DOMException('denied', 'SecurityError')
            },
          })
        })
      },
    },
  ))

test('a link with something chosen, or with a card, opens without the steps', async () => {
  for (const after of ['#text=one', '?card=3.928'])
    await explorer.visit(
      async (visitor) => {
        await visitor.page.locator('main').waitFor()
        await visitor.ready()
        assert.is(await tour(visitor).count(), 0)
      },
      { firstVisit: true, url: `${explorer.url}${after}` },
    )
})

test.run()
