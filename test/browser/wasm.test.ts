import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { BackendOptions } from '../../engine/backends.ts'
import { launchChromium } from './chromium.ts'
import { serveRepository, type Site } from './serve.ts'
import { runTiny, type TinyRun } from './wasm-page.ts'

type RunTiny = (options: BackendOptions) => Promise<TinyRun>

/** Opens a page that is cross-origin isolated and one that is not; each runs the bundled model as often as asked. */
async function openPages() {
  const browser = await launchChromium()
  const complaints: string[] = []
  const sites: Site[] = []
  const open = async (isolated: boolean): Promise<RunTiny> => {
    const site = await serveRepository({ isolated })
    sites.push(site)
    const page = await browser.newPage()
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(site.url)
    return (options) =>
      page.evaluate(async (options) => {
        const path = '/test/browser/wasm-page.ts'
        const module = (await import(path)) as { runTiny: RunTiny }
        return module.runTiny(options)
      }, options)
  }
  const [isolated, plain] = [await open(true), await open(false)]
  const close = async () => {
    await browser.close()
    for (const site of sites) await site.close()
  }
  return { isolated, plain, complaints, close }
}

const test = suite('wasm in Chromium')
const pages = await openPages()
test.after(pages.close)

/** The same in Node, with files in place of a server. */
async function tinyInNode(options: BackendOptions): Promise<TinyRun> {
  const { fetch } = globalThis
  globalThis.fetch = async (path) =>
    new Response(await readFile(new URL(`../..${String(path as string)}`, import.meta.url)))
  try {
    return await runTiny(options)
  } finally {
    globalThis.fetch = fetch
  }
}

const instructions = ({ mode }: TinyRun) => mode.split(',')[0]

test('on an isolated page: threads, float64’s logits, and the bits that Node computes', async () => {
  const node = await tinyInNode({ threads: 1, paired: false })
  for (const threads of [1, 2, 3]) {
    const page = await pages.isolated({ threads })
    console.log(`${threads}: ${page.mode}, error ${page.error}; Node: ${node.mode}`)
    assert.match(page.mode, new RegExp(`^simd( fma)? 128-bit, ${threads} thread`))
    assert.ok(page.error < 1e-4, `${threads} threads: logits differ by ${page.error}`)
    // the same instructions give the same bits; a browser without fused multiply-add rounds once more
    if (instructions(page) === instructions(node)) assert.is(page.hash, node.hash, page.mode)
  }
})

test('on an isolated page all cores are used unless said otherwise', async () => {
  const { mode, error } = await pages.isolated({})
  assert.match(mode, /, ([2-9]|\d\d+) threads$|, 1 thread$/)
  assert.ok(error < 1e-4)
})

test('without isolation: one thread, which the mode says, and the same logits', async () => {
  const { mode, error } = await pages.plain({})
  assert.match(mode, /, 1 thread$/)
  assert.ok(error < 1e-4, `logits differ by ${error}`)
})

test('what a page cannot do is refused with the reason', async () => {
  const refusal = (run: Promise<TinyRun>) =>
    run.then(
      ({ mode }) => `started: ${mode}`,
      (error: unknown) => String(error),
    )
  assert.match(
    await refusal(pages.plain({ threads: 2 })),
    /wasm: threads need shared memory.*cross-origin isolated/,
  )
  assert.match(
    await refusal(pages.isolated({ paired: true })),
    /wasm: this JavaScript engine makes no 256-bit code/,
  )
})

test('the browser complained about nothing', () => {
  assert.equal(pages.complaints, [])
})

test.run()
