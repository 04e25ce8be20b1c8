// The Explorer in Debian's Firefox, driven through WebDriver BiDi.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { buildExplorer } from '../../experiments/explorer/build/build.ts'
import { serveFolder } from '../../experiments/explorer/serve-node.ts'
import type { TextRun } from '../../experiments/explorer/protocol.ts'
import { startSession } from '../helpers/explorer.ts'
import { launchFirefox, PATIENCE, type Page } from './firefox.ts'

const parent = await mkdtemp(join(tmpdir(), 'clearbox-firefox-'))
const folder = join(parent, 'site')
await buildExplorer(folder, () => {})
const site = await serveFolder({ root: folder, port: 0 })
const browser = await launchFirefox(join(parent, 'profile'))

const test = suite(`the Explorer in Firefox ${await browser.version()}`)
test.after(async () => {
  await browser.close()
  await site.close()
  await rm(parent, { recursive: true })
})

/** The page at a link, once its text is read and painted; fails on what the page complains of. */
async function visit(hash: string, act: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.newPage()
  page.setDefaultTimeout(PATIENCE)
  const noticed: string[] = []
  page.on('pageerror', (error) => noticed.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') noticed.push(message.text())
  })
  try {
    await page.goto(`${site.url}${hash}`)
    await act(page)
  } finally {
    await page.close()
  }
  assert.equal(noticed, [])
}

const ready = (page: Page) => page.waitForSelector('#explorer[data-state="ready"]:not([data-run-id=""])')

/** What the page shows: its strongest features, and its guesses at the next token. */
const shown = (page: Page) =>
  page.evaluate(() => ({
    features: [...document.querySelectorAll<HTMLElement>('.bar[data-feature]')].map(
      ({ dataset }) => `${dataset.layer}-${dataset.feature} ${dataset.value}`,
    ),
    next: [...document.querySelectorAll('.next .bar')].map((bar) => bar.textContent),
  }))

/** What the same code computes of a text in Node. */
async function inNode(text: string): Promise<TextRun> {
  const { ask, of } = startSession()
  await ask({ type: 'open', backend: { name: 'wasm', threads: 2 } })
  await ask({ type: 'run', id: 1, text, edit: [] })
  return of('run')[0].run
}

const TEXT = 'def area(r): return 3.14'
const LINK = `#text=${encodeURIComponent(TEXT)}`

test('a text is read with threads, and its features are those of Node, bit for bit', () =>
  visit(LINK, async (page) => {
    await ready(page)
    assert.match(await page.$eval('.facts dd', (fact) => fact.textContent), /^simd.*, \d+ threads?$/)
    assert.is(await page.evaluate(() => globalThis.crossOriginIsolated), true)
    const { layers, tokens, next } = await inNode(TEXT)
    const last = tokens.length - 1
    const expected = layers.flatMap(({ layer, features: { offsets, indices, values } }) => {
      const entries = Array.from(indices.subarray(offsets[last], offsets[last + 1]), (feature, i) => {
        return { feature, value: values[offsets[last] + i] }
      })
      entries.sort((a, b) => b.value - a.value)
      return entries.slice(0, 8).map(({ feature, value }) => `${layer}-${feature} ${value}`)
    })
    const found = await shown(page)
    assert.equal(found.features, expected)
    assert.is(found.next.length, next.perToken)
  }))

test('a feature is steered, by a link and by hand, and its card is shown', () =>
  visit(`${LINK}&feature=4-12&edit=up-4-12-20`, async (page) => {
    await ready(page)
    await page.waitForSelector('section.panel .findings')
    await page.waitForSelector('#changes')
    const undo = await page.waitForSelector('.editing button')
    await undo.click()
    await page.waitForFunction(() => !location.hash.includes('edit='))
    await page.waitForFunction(() => document.querySelector('#changes') === null)
    await page.evaluate(() => history.back())
    await page.waitForSelector('#changes')
    assert.match(await page.evaluate(() => location.hash), /edit=up-4-12-20/)
  }))

test('keys are read as they are typed', () =>
  visit(LINK, async (page) => {
    await ready(page)
    const before = await page.$eval('#explorer', (root) => root.getAttribute('data-run-id'))
    await page.focus('#text')
    await page.keyboard.press('End')
    await page.keyboard.type('1')
    await page.waitForSelector(`#explorer[data-state="ready"]:not([data-run-id="${before}"])`)
    assert.match(await page.evaluate(() => location.hash), /text=/)
    assert.is(await page.$eval('#text', (box) => (box as HTMLTextAreaElement).value), `${TEXT}1`)
  }))

test('what cannot run there says why, and what can is offered: WebGPU', () =>
  visit(`${LINK}&backend=gpujs:webgpu`, async (page) => {
    await page.waitForSelector('.notice.failure, #explorer[data-state="ready"]:not([data-run-id=""])')
    const said = await page.$eval('body', (body) => body.querySelector('.notice.failure')?.textContent ?? '')
    console.log(`WebGPU in this Firefox: ${said === '' ? 'runs' : said.replace(/\s+/g, ' ').trim()}`)
    if (said === '') return
    assert.match(said, /gpujs:webgpu|WebGPU/)
    const other = '.notice.failure button'
    assert.is(await page.$eval(other, (button) => button.textContent), 'Use wasm instead')
    await (await page.waitForSelector(other)).click()
    await ready(page)
  }))

// the last one: it stops the server
test('kept for reading offline: with the server stopped a reload gives the page', () =>
  visit(LINK, async (page) => {
    await ready(page)
    await page.waitForFunction(() => document.querySelector('#offline')?.textContent !== '')
    assert.match(await page.$eval('#offline', (note) => note.textContent), /^Kept in this browser/)
    await site.close()
    await page.reload()
    await ready(page)
  }))

test.run()
