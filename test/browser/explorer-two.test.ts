// Two texts beside each other, as people lay them there: by pointer, by keyboard, by link; and what is patched from one into the other.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PatchedRow } from '../../experiments/attribution/patching.ts'
import { runScript } from '../helpers/cli.ts'
import { startExplorer, type Visitor } from './explorer-site.ts'
import { seriousFindings } from './page-checks.ts'

const explorer = await startExplorer()
const test = suite('the Explorer’s two texts')
test.after(() => explorer.close())

const PAIR = '#text=import+numpy+as&other=import+pandas+as'

const two = ({ page }: Visitor) => page.locator('section[aria-labelledby="two"]')
const grid = (visitor: Visitor) => two(visitor).locator('.patch-grid')
const patched = (visitor: Visitor) => two(visitor).getByText('The largest effects:')
/** A table's numbers, row by row. */
const numbers = (table: ReturnType<typeof grid>) =>
  table
    .locator('tbody tr')
    .evaluateAll((rows) =>
      rows.map((row) =>
        [...row.querySelectorAll('td')].map((cell) =>
          Number.parseFloat(cell.textContent?.replace('−', '-').replace('< ', '') ?? ''),
        ),
      ),
    )

test('what is patched is what npm run attribute prints; the link opens the same', async () => {
  const out = await mkdtemp(join(tmpdir(), 'clearbox-two-'))
  const { status, stderr } = runScript('experiments/attribution/main.ts', [
    ...['--text', 'import numpy as', '--corrupted', 'import pandas as', '--target', ' n', '--against', ' p'],
    ...['--out', out],
  ])
  assert.is(status, 0, stderr)
  const { patching } = JSON.parse(await readFile(join(out, 'results.json'), 'utf8')) as {
    patching: { rows: PatchedRow[] }
  }
  await rm(out, { recursive: true })
  const rounded = (rows: readonly (readonly number[])[]) =>
    rows.map((row) => row.map((value) => Math.round(100 * value)))
  const commanded = (site: string) =>
    rounded(patching.rows.filter((row) => row.site === site).map((row) => row.patching))
  let link = ''
  let shown: number[][] = []
  await explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await visitor.ready()
      await visitor.button('Patch every place').click()
      await patched(visitor).waitFor()
      await page.locator('.patching select').nth(2).selectOption({ label: '“·n”' })
      await page.locator('.patching select').nth(3).selectOption({ label: '“·p”' })
      await two(visitor).getByText('the logit of “·n” less that of “·p”').waitFor()
      await patched(visitor).waitFor()
      assert.equal(rounded(await numbers(grid(visitor))), commanded('hook_resid_pre'))
      await page.locator('.patching select').first().selectOption('attn.hook_z')
      await grid(visitor).getByText('each head’s output').waitFor()
      await patched(visitor).waitFor()
      shown = await numbers(grid(visitor))
      assert.equal(rounded(shown), commanded('attn.hook_z'))
      await page.waitForTimeout(500) // the address follows
      link = page.url()
    },
    { url: `${explorer.url}${PAIR}` },
  )
  await explorer.visit(
    async (visitor) => {
      await patched(visitor).waitFor()
      assert.equal(await numbers(grid(visitor)), shown)
    },
    { url: link },
  )
})

test('tokens, features, heads and logits of a token beside its like; one that has none says so', () =>
  explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await visitor.ready()
      const section = two(visitor)
      await section.getByText('places differ').waitFor()
      const rows = await section
        .locator('.aligned tr')
        .evaluateAll((all) => all.map((row) => row.textContent?.replace(/\s+/g, '')))
      assert.match(rows[0] ?? '', /^YoursBOSimport/)
      assert.match(rows[1] ?? '', /^TheotherBOSimport/)
      const { layers, next_token } = await visitor.exported()
      const own = layers[2].features.at(-1)!.map(({ feature }) => `Layer 2, feature ${feature}`)
      for (const [name, isOwn] of [
        ['Only yours', true],
        ['Only the other', false],
      ] as const) {
        const bars = section.getByRole('list', { name: `${name}, layer 2` }).locator('span:has(> .sr)')
        const features = await bars.allTextContents()
        assert.ok(features.length > 0, name)
        assert.ok(
          features.every((feature) => own.includes(feature) === isOwn),
          `${name}: ${features.join()}`,
        )
      }
      /** Rows of yours, the other, and the difference. */
      const compared = async (name: string, slack: number) => {
        const rows = await numbers(section.getByRole('region', { name }))
        for (const [yours, other, difference] of rows)
          assert.ok(
            Math.abs(other - yours - difference) < slack,
            `${name}: ${other} - ${yours}, ${difference}`,
          )
        return rows
      }
      const [likeliest, second] = (await compared('The likeliest after either', 0.02))
        .map(([yours]) => yours)
        .sort((a, b) => b - a)
      const [first, next] = next_token.at(-1)!.map(({ probability }) => Math.log(probability))
      assert.ok(Math.abs(likeliest - second - (first - next)) < 0.02, 'logits of another text')
      const moved = await compared('most raised, then most lowered', 0.02)
      assert.ok(moved[0][2] > 0 && moved.at(-1)![2] < 0)
      const alone = section.getByRole('list', { name: 'Only yours, layer 2' }).locator('button')
      const [strongest] = await alone.allTextContents()
      await alone.first().click()
      const card = page.locator('h2#card')
      await card.waitFor()
      assert.ok(strongest.includes(/feature (\d+)/.exec((await card.textContent()) ?? '')![1]))
      await section.getByRole('button', { name: /^Layer 4, head 2/ }).click()
      await section.getByText('Where head 2 of layer 4 looks').waitFor()
      const looks = layers[4].attention[2].at(-1)!
      for (const [yours] of await compared('Where head 2 of layer 4 looks', 0.2))
        assert.ok(yours === 0 || looks.some((share) => Math.abs(100 * share - yours) < 0.1), `${yours} %`)
      assert.is(
        await page
          .locator('.head[aria-pressed="true"]')
          .getAttribute('aria-label')
          .then((name) => name?.slice(0, 15)),
        'Layer 4, head 2',
      )
      await section.getByText('Anywhere in the texts').click()
      for (const button of await section.locator('.aligned button').all()) {
        await button.click()
        if (await section.getByText('Nothing in the other text corresponds to your').isVisible()) return
      }
      assert.unreachable('no token without its like')
    },
    { url: `${explorer.url}#text=import+numpy.linalg+as&other=import+os+as` },
  ))

test('by keyboard alone: a second text, a token, a patch, and away', () =>
  explorer.visit(async (visitor) => {
    const { page } = visitor
    await visitor.ready()
    await page.locator('#text').fill('one two')
    await page.locator('#other').focus()
    await page.keyboard.type('one ten')
    await two(visitor).getByText('places differ').waitFor()
    const press = async (name: string) => {
      await two(visitor).getByRole('button', { name }).focus()
      await page.keyboard.press('Enter')
    }
    const focused = (element: ReturnType<typeof grid>) => element.and(page.locator(':focus')).waitFor()
    await press('Patch every place')
    await patched(visitor).waitFor()
    await focused(two(visitor).getByLabel('Put'))
    await press('Stop and close')
    await focused(two(visitor).getByRole('button', { name: 'Patch every place' }))
    await press('Take it away')
    await focused(page.locator('#other'))
    await two(visitor).locator('.aligned').waitFor({ state: 'detached' })
    assert.is(await page.locator('#other').inputValue(), '')
  }))

test('the next change ends a patch, and what stood there is gone; after it all is read anew', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      await grid(visitor).locator('tbody tr').first().waitFor()
      await visitor.page.locator('#other').fill('import os as')
      await two(visitor).getByText('Patching …').or(grid(visitor)).first().waitFor()
      await visitor.page.locator('#other').fill('import pandas as')
      await patched(visitor).waitFor()
      assert.is(await grid(visitor).locator('tbody tr').count(), 24)
      await visitor.page.locator('#other').fill('import numpy as')
      await two(visitor).getByText('nothing differs').waitFor()
      assert.is(await grid(visitor).count(), 0)
    },
    { url: `${explorer.url}${PAIR}&patch=attn.hook_z-other-likeliest` },
  ))

test('a second text that is too long, and a token less itself, say what to do', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      const alert = two(visitor).getByRole('alert')
      assert.match(
        (await alert.textContent()) ?? '',
        /A token’s logit minus itself is 0.*Choose two different tokens/,
      )
      await visitor.page.locator('#other').fill('a b '.repeat(200))
      await two(visitor).getByText('the model reads at most 255. Shorten it').waitFor()
      await visitor.page.locator('#other').fill('import os as')
      await two(visitor).getByText('places differ').waitFor()
    },
    { url: `${explorer.url}${PAIR}&patch=hook_mlp_out-text-5-5` },
  ))

for (const width of [1280, 390])
  for (const scheme of ['light', 'dark'] as const)
    test(`axe finds nothing serious in it, nor does it stick out: ${width} px, ${scheme}`, () =>
      explorer.visit(
        async (visitor) => {
          const { page } = visitor
          await visitor.ready()
          if (width === 390) await page.locator('#two .fold').click()
          await patched(visitor).waitFor()
          await two(visitor).scrollIntoViewIfNeeded()
          assert.is(await two(visitor).evaluate((section) => section.scrollWidth - section.clientWidth), 0)
          assert.equal(await seriousFindings(page), [])
        },
        { url: `${explorer.url}${PAIR}&patch=hook_resid_pre-text-likeliest`, width, scheme },
      ))

test.run()
