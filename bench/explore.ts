// `bench explore`: typing in the Explorer, built and served as usual, in Chromium, on every backend.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { buildExplorer } from '../experiments/explorer/build/build.ts'
import type { Answer } from '../experiments/explorer/protocol.ts'
import { BACKENDS } from '../experiments/explorer/page/backends.ts'
import { serveFolder } from '../experiments/explorer/serve-node.ts'
import { listOf } from '../experiments/lab/cli/cli.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { launchChromium } from '../test/browser/chromium.ts'
import { namesChosen, timesAsFast, type Benchmark } from './benchmark.ts'
import { gpuFlags, softwareFlags } from './gpujs/chromium.ts'
import { makeRow, noCost, threadsOf, type NotRun, type Row } from './rows.ts'
import { attempt } from './side-by-side.ts'

/** 30 tokens, BOS included; the key that is pressed is an `s`, which makes the last word another token, or Backspace. */
const TEXT =
  'The old doctor said that the patient would have to stay in the house until the weather was better and then go back to his home'
const TOKENS = 30

/** How many features the library that is searched has: those of all SAEs of the bundled model. */
const FEATURES = 6144

/** Milliseconds of one key press, by the name of their row. */
type Press = Readonly<Record<string, number>>

interface Typist {
  readonly mode: string
  /** The model's likeliest next token after the text, to compare backends by. */
  readonly guess: number
  readonly first: Press
  readonly presses: readonly Press[]
  /** Milliseconds from a key in the library's search to the picture of what it found. */
  readonly searches: readonly number[]
}

export const explore: Benchmark<{ software?: boolean; only?: readonly string[] }> = {
  name: 'explore',
  description: 'typing in the Explorer in Chromium, on every backend',
  addOptions: (command) =>
    command
      .option('--software', 'GPU modes on SwiftShader, for a machine without a GPU')
      .option(
        '--only <list>',
        'backends to type on, by the beginning of their names; the reference backend is always among them',
        listOf('only'),
      ),

  /** Every backend, and wasm without shared memory, once its next-token probability agrees with the reference backend's. */
  async run({ quick, quiet, software = false, only }) {
    const backends = BACKENDS.map(({ name }) => name)
    const others = namesChosen('explore', 'backend', backends, only).filter((name) => name !== 'reference')
    const folder = await mkdtemp(join(tmpdir(), 'clearbox-bench-explore-'))
    const root = join(folder, 'site')
    const rows: Row[] = []
    const notRun: NotRun[] = []
    await buildExplorer(root, () => {})
    const [shared, plain] = [
      await serveFolder({ root, port: 0 }),
      await serveFolder({ root, port: 0, isolated: false }),
    ]
    const browser = await launchChromium()
    const onGpu = await launchChromium(software ? softwareFlags : gpuFlags)
    try {
      const few = quick ? 2 : 3
      const works = [
        { name: 'reference', url: shared.url, presses: few },
        ...others.flatMap((name) =>
          name === 'wasm'
            ? [
                { name, url: shared.url, presses: quick ? 10 : 50 },
                { name, url: plain.url, presses: quick ? 10 : 20 },
              ]
            : [{ name, url: shared.url, presses: few }],
        ),
      ]
      using progress = createProgress({ label: 'typing', total: works.length, unit: 'backends', quiet })
      let expected: number | undefined
      for (const { name, url, presses } of works) {
        await attempt(name, notRun, async () => {
          const typist = await type(/webg/.test(name) ? onGpu : browser, url, name, presses)
          expected ??= typist.guess
          if (!(Math.abs(typist.guess - expected) < 1e-4))
            throw new Error(`${name}: wrong result: ${typist.guess}, expected ${expected}`)
          rows.push(...rowsOf(name, typist))
        })
        progress.step()
      }
    } finally {
      await Promise.all([browser.close(), onGpu.close()])
      await Promise.all([shared.close(), plain.close()])
      await rm(folder, { recursive: true })
    }
    return { rows, notRun }
  },

  summary({ rows }) {
    const of = (name: string) =>
      rows.filter(({ work, backend }) => work === 'key to picture' && backend === name)
    return timesAsFast('the reference backend, from key to picture', of('wasm'), of('reference'))
  },
}

/** Single layers, of our fastest backend only, and the search, which uses no backend. */
function rowsOf(backend: string, { mode, first, presses, searches }: Typist): Row[] {
  const row = (work: string, samples: readonly number[], shape = TOKENS) => {
    const name = { work, shape: String(shape), backend, mode, threads: threadsOf({ mode }) }
    return makeRow(name, samples, noCost)
  }
  const works = Object.keys(first).filter((work) => backend === 'wasm' || !work.startsWith('its layer'))
  return [
    row('first key to picture', [first['key to picture']]),
    ...works.map((work) =>
      row(
        work,
        presses.map((press) => press[work]),
      ),
    ),
    ...(searches.length > 0 ? [row('library search', searches, FEATURES)] : []),
  ]
}

/** Opens the page in a new context and presses keys, each one after the picture of the one before has appeared. */
async function type(browser: Browser, url: string, backend: string, presses: number): Promise<Typist> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    serviceWorkers: 'block',
  })
  context.setDefaultTimeout(120_000)
  try {
    const page = await context.newPage()
    await page.addInitScript(keepTimes)
    await page.goto(`${url}#backend=${backend}&text=${encodeURIComponent(TEXT)}`)
    await page.locator('#explorer[data-run-id]:not([data-run-id=""]), .notice.failure').first().waitFor()
    const failure = page.locator('.notice.failure')
    if (await failure.isVisible()) throw new Error(await failure.innerText())
    const tokens = await page.locator('[data-token]').count()
    if (tokens !== TOKENS) throw new Error(`the text has ${tokens} tokens: change TEXT or TOKENS`)
    const guess = await page.evaluate(() => (globalThis as unknown as Kept).kept.guess)
    const mode = await page.locator('.facts dd').first().innerText()
    await page.locator('#text').focus()
    await page.keyboard.press('Control+End')
    const first = await press(page, 's')
    const later: Press[] = []
    for (let i = 0; i < presses; i++) later.push(await press(page, i % 2 === 0 ? 'Backspace' : 's'))
    const searches = backend === 'wasm' ? await searchLibrary(page, presses) : []
    return { mode, guess, first, presses: later, searches }
  } finally {
    await context.close()
  }
}

/** Types into the search of the library, over all features of all layers: each key changes how many are found. */
async function searchLibrary(page: Page, keys: number): Promise<number[]> {
  await page.locator('#library').evaluate((title) => title.scrollIntoView())
  const status = page.locator('.library [role="status"]', { hasText: `of ${FEATURES.toLocaleString('en')}` })
  await status.waitFor()
  await status.evaluate((element) => {
    const { kept } = globalThis as unknown as Kept
    const painted = () => setTimeout(() => kept.searches.push(performance.now() - kept.key))
    new MutationObserver(() => requestAnimationFrame(painted)).observe(element, {
      characterData: true,
      subtree: true,
    })
  })
  await page.locator('.library input[type="search"]').focus()
  for (let i = 0; i < keys; i++) {
    await page.waitForTimeout(100)
    await page.keyboard.press(['t', 'h', 'Backspace', 'Backspace'][i % 4])
    await page.waitForFunction((i) => (globalThis as unknown as Kept).kept.searches.length > i, i)
  }
  return page.evaluate(() => (globalThis as unknown as Kept).kept.searches)
}

interface Kept {
  kept: { key: number; guess: number; worker: number; layers: number[]; searches: number[] }
}

/** Runs in the page before its own script: keeps the time of the last key, and the times that the worker reports. */
function keepTimes(): void {
  const kept: Kept['kept'] = { key: 0, guess: 0, worker: 0, layers: [], searches: [] }
  Object.assign(globalThis, { kept })
  addEventListener('keydown', ({ timeStamp }) => (kept.key = timeStamp), { capture: true })
  const Real = Worker
  globalThis.Worker = class extends Real {
    constructor(...options: ConstructorParameters<typeof Worker>) {
      super(...options)
      this.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
        if (data.type !== 'run') return
        const { layers, next, ms } = data.run
        kept.layers = layers.map(({ ms }) => ms.block + ms.sae + ms.lens)
        kept.worker = ms.total
        kept.guess = next.values[next.values.length - next.perToken]
      })
    }
  }
}

async function press(page: Page, key: string): Promise<Press> {
  const root = page.locator('#explorer')
  const before = await root.getAttribute('data-run-id')
  // People pause between keys, and what follows a picture, such as garbage collection, must not count for the next one.
  await page.waitForTimeout(100)
  await page.keyboard.press(key)
  await page.locator(`#explorer:not([data-run-id="${before}"])`).waitFor()
  return page.evaluate(() => {
    const { key, worker, layers } = (globalThis as unknown as Kept).kept
    const last = (name: string): PerformanceEntry => performance.getEntriesByName(name, 'measure').at(-1)!
    const { startTime, duration } = last('explorer:run')
    return {
      // From the key's own time stamp to the first task after the frame that shows what the model made of it.
      'key to picture': startTime + duration - key,
      // Part of it, in the worker: the whole run; each layer is its block with its SAE and its lens.
      'its worker': worker,
      // Part of it, from the worker's last answer to the finished document, before styles, layout and paint.
      'its drawing': last('explorer:draw').duration,
      ...Object.fromEntries(layers.map((ms, layer) => [`its layer ${layer}`, ms])),
    }
  })
}
