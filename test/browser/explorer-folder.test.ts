// The Explorer on a model of one's own: a folder that is chosen or dropped.
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startExplorer, type Visitor } from './explorer-site.ts'
import { seriousFindings } from './page-checks.ts'

const explorer = await startExplorer()
const parent = mkdtempSync(join(tmpdir(), 'clearbox-folder-'))
const mine = join(parent, 'mine')
cpSync('gpt2/tiny', mine, { recursive: true })
cpSync('sae/tiny', join(mine, 'sae'), { recursive: true })
const saes = join(parent, 'saes')
cpSync('sae/tiny', saes, { recursive: true })
const notes = join(parent, 'notes')
mkdirSync(notes)
cpSync('README.md', join(notes, 'README.md'))

const test = suite('a model of one’s own in the Explorer')
test.after(async () => {
  await explorer.close()
  rmSync(parent, { recursive: true })
})

const choose = ({ page }: Visitor, folder: string) => page.locator('#folder').setInputFiles(folder)

/** Drops a folder of these files on the page, as the browser would: entries that are read one by one. */
const dropEntries = (page: Page, name: string, paths: readonly string[]) =>
  page.evaluate(
    ([name, paths]) => {
      const entries = paths.map((path) => ({
        ...{ isFile: true, name: path, fullPath: `/${name}/${path}` },
        file: (got: (file: File) => void) => got(new File(['{}'], path)),
      }))
      const left = entries.map((entry) => [entry]) // browsers give a part at a time
      const folder = {
        ...{ isFile: false, name, fullPath: `/${name}` },
        createReader: () => ({ readEntries: (got: (some: object[]) => void) => got(left.shift() ?? []) }),
      }
      const event = new Event('drop', { bubbles: true, cancelable: true })
      const items = [{ webkitGetAsEntry: () => folder }]
      Object.assign(event, { dataTransfer: { types: ['Files'], items } })
      window.dispatchEvent(event)
      return event.defaultPrevented
    },
    [name, paths] as const,
  )

for (const width of [1280, 390])
  test(`chosen by the keyboard: memory is said before it loads, then all runs on it, and nothing is sent: ${width} px`, () =>
    explorer.visit(
      async (visitor) => {
        const { page } = visitor
        await visitor.ready()
        const bundled = await visitor.features()
        const sent: string[] = []
        page.context().on('request', (request) => {
          if (request.method() !== 'GET' || !/\.js$/.test(request.url())) sent.push(request.url())
        })
        await choose(visitor, mine)
        const offer = page.locator('.own-model .notice')
        await offer.getByText('mine: 6 layers, 128 wide, 4097 tokens').waitFor()
        assert.match(
          await offer.innerText(),
          /SAEs at layers 0, 1, 2, 3, 4, 5\..* about 14\.\d MB of memory/s,
        )
        assert.equal(await seriousFindings(page), [])
        await page.screenshot({ path: join('results', 'explorer-pictures', `folder-${width}.png`) })
        await visitor.rerun(async () => {
          await visitor.button('Use this model').focus()
          await page.keyboard.press('Enter')
        })
        assert.match((await page.locator('footer').textContent())!, /^\s*mine, computed by wasm/)
        assert.equal(await visitor.features(), bundled)
        await page.locator('.results .bar[data-feature] ').first().waitFor()
        assert.equal(sent, [])
        await page.locator('button.bar[data-feature]').first().click()
        await page.locator('section.panel .findings').waitFor()
        assert.equal(
          sent.map((address) => address.replace(/.*\//, '').split('.')[0]),
          ['texts'],
        )
        await visitor.rerun(() => visitor.button('Back to the bundled model').click())
        assert.match((await page.locator('footer').textContent())!, /^\s*tiny, computed by wasm/)
      },
      { width },
    ))

test('with SAEs at some layers only, every section says so, and nothing counted with the bundled ones is shown', () =>
  explorer.visit(
    async (visitor) => {
      const { page } = visitor
      await visitor.ready()
      const some = join(parent, 'some')
      cpSync('gpt2/tiny', some, { recursive: true })
      for (const layer of [2, 4])
        cpSync(`sae/tiny/blocks.${layer}.hook_resid_pre`, join(some, `sae${layer}`), { recursive: true })
      await choose(visitor, some)
      await visitor.rerun(() => visitor.button('Use this model').click())
      const section = (id: string) => page.locator(`section[aria-labelledby="${id}"]`)
      const library = section('library')
      await library
        .getByText('All 2,048 of 2 SAEs, whether they fire on your text or not. No corpus')
        .waitFor()
      assert.equal(await library.locator('option').allTextContents(), ['2', '4'])
      assert.is(await library.getByRole('search').count(), 0)
      await section('why').getByText('The parts add up').waitFor()
      assert.is(await section('why').locator('details tbody tr').count(), 2)
      await section('two').getByRole('heading', { name: 'Which features fire in one' }).waitFor()
      assert.is(await section('two').getByText('There is no SAE at this layer.').count(), 4)
      await library.locator('input[name="feature"]').fill('928')
      await library.getByRole('button', { name: 'Open its card' }).click()
      await page.locator('section.panel .findings').waitFor()
      assert.is(await page.locator('section.panel .in-corpus').count(), 0)
    },
    { url: `${explorer.url}#text=import%20numpy%20as&other=import%20pandas%20as&why=%2C` },
  ))

test('a folder without a model: what is missing, and the page goes on', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    await choose(visitor, notes)
    const notice = visitor.page.locator('.own-model [role="alert"]')
    await notice.getByText('notes has no config.json').waitFor()
    await choose(visitor, saes)
    await notice.getByText('saes holds SAEs and no model').waitFor()
    assert.is(await visitor.data('state'), 'ready')
    await visitor.button('Keep the present model').click()
    assert.is(await notice.count(), 0)
    await visitor.write('the page still reads')
  }))

test('a dropped folder is read like a chosen one, and the browser does not open it', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    assert.ok(await dropEntries(visitor.page, 'dropped', ['config.json', 'model.safetensors']))
    await visitor.page.getByText('dropped/config.json: model_type is missing').waitFor()
  }))

test('a model that this device has no memory for is refused by name, before it loads', () =>
  explorer.visit(
    async (visitor) => {
      await visitor.ready()
      await choose(visitor, mine)
      await visitor.page
        .getByText(
          /mine with 6 SAEs does not fit: its weights as float32 are 14\.\d MB, the memory of this device is 1\.1 MB/,
        )
        .waitFor()
    },
    {
      prepare: async (page) =>
        void (await page.addInitScript(() =>
          Object.defineProperty(navigator, 'deviceMemory', { value: 0.001 }),
        )),
    },
  ))

test('weights that turn out damaged: a sentence, and the way back', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    const broken = join(parent, 'broken')
    cpSync(mine, broken, { recursive: true })
    cpSync('README.md', join(broken, 'model.safetensors'))
    await choose(visitor, broken)
    await visitor.button('Use this model').click()
    const notice = visitor.page.locator('.notice.failure')
    await notice.getByText('broken/model.safetensors: ').waitFor()
    await visitor.rerun(() => visitor.button('Use the bundled model').click())
    assert.match((await visitor.page.locator('footer').textContent())!, /^\s*tiny/)
  }))

async function drawnInSight({ page }: Visitor, tokens: number): Promise<void> {
  await page.locator('.heads').first().scrollIntoViewIfNeeded()
  await page.waitForFunction(
    (tokens) => document.querySelector<HTMLCanvasElement>('.heads canvas')?.width === tokens,
    tokens,
  )
}

test('an attention pattern is drawn when it comes into sight, and as the text then is', () =>
  explorer.visit(async (visitor) => {
    await visitor.ready()
    await visitor.write('one two three')
    const sizes = () =>
      visitor.page
        .locator('.heads canvas')
        .evaluateAll((all) => all.map((one) => (one as HTMLCanvasElement).width))
    const tokens = await visitor.page.locator('[data-token]').count()
    assert.ok((await sizes()).every((size) => size !== tokens))
    await drawnInSight(visitor, tokens)
    // the text box comes into sight for it, and the patterns out of it
    await visitor.write('one two three four five')
    await drawnInSight(visitor, await visitor.page.locator('[data-token]').count())
  }))

test.run()
