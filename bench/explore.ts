// `bench explore`: typing in the Explorer, as it is built and served, in Chromium, on every backend.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { buildExplorer } from '../experiments/explorer/build/build.ts'
import type { Answer } from '../experiments/explorer/protocol.ts'
import { BACKENDS } from '../experiments/explorer/page/backends.ts'
import { serveFolder } from '../experiments/explorer/serve-node.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { launchChromium } from '../test/browser/chromium.ts'
import { timesAsFast, type Benchmark } from './benchmark.ts'
import { gpuFlags, softwareFlags } from './gpujs/chromium.ts'
import { makeRow, noCost, threadsOf, type NotRun, type Row } from './rows.ts'
import { attempt } from './side-by-side.ts'

/** 30 tokens, BOS included; the key that is pressed is an `s`, which makes the last word another token, or Backspace. */
const TEXT =
  'The old doctor said that the patient would have to stay in the house until the weather was better and then go back to his home'
const TOKENS = 30

/** Milliseconds of one key press, by the work of their row. */
type Press = Readonly<Record<string, number>>

interface Typist {
  readonly mode: string
  /** What the model holds likeliest after the text, to be compared. */
  readonly guess: number
  readonly first: Press
  readonly presses: readonly Press[]
}

export const explore: Benchmark<{ software?: boolean }> = {
  name: 'explore',
  description: 'typing in the Explorer in Chromium, on every backend',
  addOptions: (command) =>
    command.option('--software', 'GPU modes on SwiftShader, for a machine without a GPU'),

  /** Every backend, and wasm without shared memory, once its next-token probability agrees with the reference backend's. */
  async run({ quick, quiet, software = false }) {
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
      const others = BACKENDS.map(({ name }) => name).filter((name) => !['wasm', 'reference'].includes(name))
      const works = [
        { name: 'reference', url: shared.url, presses: few },
        { name: 'wasm', url: shared.url, presses: quick ? 10 : 50 },
        { name: 'wasm', url: plain.url, presses: quick ? 10 : 20 },
        ...others.map((name) => ({ name, url: shared.url, presses: few })),
      ]
      using progress = createProgress({ label: 'typing', total: works.length, unit: 'backends', quiet })
      let expected: number | undefined
      for (const { name, url, presses } of works) {
        await attempt(name, notRun, async () => {
          const typist = await type(/webg/.test(name) ? onGpu : browser, `${url}#backend=${name}`, presses)
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

/** Single layers of our fastest backend only. */
function rowsOf(backend: string, { mode, first, presses }: Typist): Row[] {
  const row = (work: string, of: readonly Press[], key = work) => {
    const name = { work, shape: String(TOKENS), backend, mode, threads: threadsOf({ mode }) }
    const samples = of.map((press) => press[key])
    return makeRow(name, samples, noCost)
  }
  const works = Object.keys(first).filter((work) => backend === 'wasm' || !work.startsWith('its layer'))
  return [row('first key to picture', [first], 'key to picture'), ...works.map((work) => row(work, presses))]
}

/** Opens the page in a new context and presses keys, each when the picture of the one before has come. */
async function type(browser: Browser, url: string, presses: number): Promise<Typist> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    serviceWorkers: 'block',
  })
  context.setDefaultTimeout(120_000)
  try {
    const page = await context.newPage()
    await page.addInitScript(keepTimes)
    await page.goto(`${url}&text=${encodeURIComponent(TEXT)}`)
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
    return { mode, guess, first, presses: later }
  } finally {
    await context.close()
  }
}

interface Kept {
  kept: { key: number; guess: number; worker: number; layers: number[] }
}

/** In the page, before its own script: keeps when the last key was pressed, and what the worker says of its times. */
function keepTimes(): void {
  const kept: Kept['kept'] = { key: 0, guess: 0, worker: 0, layers: [] }
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
  // People pause between keys; and what follows a picture, such as the collection of garbage, is no part of the next.
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
      // Of it, in the worker: the whole run; each layer is its block with its SAE and its lens.
      'its worker': worker,
      // Of it, from the worker's last answer to the finished document, before styles, layout and paint.
      'its drawing': last('explorer:draw').duration,
      ...Object.fromEntries(layers.map((ms, layer) => [`its layer ${layer}`, ms])),
    }
  })
}
