import type { Browser } from 'playwright-core'
import { backends } from '../engine/backends.ts'
import { createProgress } from '../experiments/common/progress.ts'
import { launchChromium } from '../test/browser/chromium.ts'
import { serveRepository } from '../test/browser/serve.ts'
import type * as GpuJsPage from './gpujs/page.ts'
import { prefillCost } from './gpujs/prefill.ts'
import { Runner, transfers } from './gpujs/runner.ts'
import { allWorks } from './gpujs/works.ts'
import { makeRow, threadsOf, type NotRun, type Row } from './results.ts'
import { alternate, quickBudget, usualBudget, type ShortRun } from './timing.ts'

export interface GpuJsOptions {
  readonly tokens?: number
  readonly threads?: number
  readonly quick?: boolean
  readonly json?: boolean
  /** Also in Chromium, on its GPU; with `software` on SwiftShader. */
  readonly browser?: boolean
  readonly software?: boolean
  /** Chromium: lengths of texts for a pass through all of GPT-2 small; left out, 128 and 512 where there is a real GPU. */
  readonly prefill?: readonly number[]
  /** Only works whose names begin so. */
  readonly only?: readonly string[]
}

/** A runner in this process or in a page. */
interface Somewhere {
  readonly backend: string
  readonly mode: string
  verify(name: string): Promise<void>
  time(name: string, ms: number): Promise<number[]>
  /** Only in a browser: GPT-2 small, for works named `prefill N`. */
  loadModel?(): Promise<void>
  close(): Promise<void>
}

interface Place {
  readonly where: string
  readonly names: readonly string[]
  start(backend: string): Promise<Somewhere>
  close(): Promise<void>
}

/** Every op in every mode of gpu.js beside the other backends, and kernels naive and better, each verified first. */
export async function benchGpuJs(options: GpuJsOptions): Promise<{ rows: Row[]; notRun: NotRun[] }> {
  const { quick = false, json: quiet = false } = options
  const tokens = options.tokens ?? (quick ? 16 : 64)
  const places = [inNode(tokens, options.threads)]
  if (options.browser) places.push(await inChromium(tokens, options))
  const rows: Row[] = []
  const notRun: NotRun[] = []
  try {
    for (const place of places) await benchPlace(place, tokens, options, rows, notRun, quiet)
  } finally {
    for (const place of places) await place.close()
  }
  return { rows, notRun }
}

async function benchPlace(
  place: Place,
  tokens: number,
  options: GpuJsOptions,
  rows: Row[],
  notRun: NotRun[],
  quiet: boolean,
): Promise<void> {
  const { quick = false, only } = options
  const runners: Somewhere[] = []
  for (const name of place.names)
    try {
      runners.push(await place.start(name))
    } catch (error) {
      notRun.push({ backend: `${name}, ${place.where}`, reason: firstLine(error) })
    }
  const transferWorks = transfers.map((work) => ({
    work,
    shape: `${tokens}x${work === 'upload' ? 768 : 3072}`,
    cost: { flops: 0, bytes: 4 * tokens * (work === 'upload' ? 768 : 3072) },
    gpujsOnly: undefined,
  }))
  const works = [...transferWorks, ...allWorks(tokens)].filter(
    ({ work }) => only === undefined || only.some((start) => work.startsWith(start)),
  )
  using progress = createProgress({ label: place.where, total: works.length, unit: 'works', quiet })
  for (const { work, shape, cost, gpujsOnly } of works) {
    const isTransfer = work === 'upload' || work === 'read back'
    const name = isTransfer ? work : work + shape
    const takingPart = runners.filter(({ backend }) => !gpujsOnly || backend.startsWith('gpujs:'))
    const ready: Somewhere[] = []
    for (const runner of takingPart)
      try {
        if (!isTransfer) await runner.verify(name)
        ready.push(runner)
      } catch (error) {
        if (/wrong result/.test(firstLine(error))) throw error
        notRun.push({ backend: `${runner.backend}, ${place.where}: ${work}`, reason: firstLine(error) })
      }
    const runs = ready.map(
      (runner): ShortRun =>
        (ms) =>
          runner.time(name, ms),
    )
    const samples = await alternate(runs, quick ? quickBudget : { ...usualBudget, rounds: 4 })
    for (const [i, { backend, mode }] of ready.entries())
      rows.push(
        makeRow(
          { work, shape, backend, mode: `${place.where}: ${mode}`, threads: threadsOf({ mode }) },
          samples[i],
          cost,
        ),
      )
    progress.step()
  }
  rows.push(...(await benchPrefill(place, runners, options)))
  for (const runner of runners) await runner.close()
}

/** A pass through GPT-2 small at full size, on every backend that computes on a GPU. */
async function benchPrefill(
  { where }: Place,
  runners: readonly Somewhere[],
  { quick = false, prefill }: GpuJsOptions,
): Promise<Row[]> {
  const rows: Row[] = []
  for (const runner of runners) {
    const { backend, mode } = runner
    const isGpu = /\((hardware|software)\)/.test(mode)
    const counts = prefill ?? (/\(hardware\)/.test(mode) ? [128, 512] : [])
    if (!runner.loadModel || !isGpu || counts.length === 0) continue
    await runner.loadModel()
    for (const tokens of counts) {
      const [samples] = await alternate(
        [(ms) => runner.time(`prefill ${tokens}`, ms)],
        quick ? quickBudget : usualBudget,
      )
      const name = { work: 'prefill', shape: String(tokens), backend, mode: `${where}: ${mode}`, threads: 1 }
      rows.push(makeRow(name, samples, prefillCost(tokens)))
    }
  }
  return rows
}

function inNode(tokens: number, threads?: number): Place {
  return {
    where: 'Node',
    names: Object.keys(backends).filter((name) => !backends[name].browserOnly),
    async start(backend) {
      const runner = await Runner.start(backend, tokens, threads)
      return {
        backend,
        mode: runner.ops.mode,
        verify: (name) => runner.verify(name),
        time: (name, ms) => runner.time(name, ms),
        close: () => runner.ops.dispose(),
      }
    },
    close: async () => {},
  }
}

/** Chromium's own choice of GPU, or SwiftShader, which every machine has. */
const gpuFlags = ['--enable-unsafe-webgpu', '--ignore-gpu-blocklist', '--enable-features=Vulkan']
const softwareFlags = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
]

async function inChromium(tokens: number, { software = false, threads }: GpuJsOptions): Promise<Place> {
  const site = await serveRepository()
  const browser = await launchChromium(software ? softwareFlags : gpuFlags)
  return {
    where: 'Chromium',
    names: Object.keys(backends),
    start: (backend) => startPage(browser, site.url, backend, tokens, threads),
    async close() {
      await browser.close()
      await site.close()
    },
  }
}

async function startPage(
  browser: Browser,
  url: string,
  backend: string,
  tokens: number,
  threads?: number,
): Promise<Somewhere> {
  const page = await browser.newPage()
  await page.goto(url)
  type PageModule = typeof GpuJsPage
  const call = <Name extends keyof PageModule>(name: Name, ...inputs: Parameters<PageModule[Name]>) =>
    page.evaluate(
      async ({ name, inputs }) => {
        const path = '/bench/gpujs/page.ts'
        const module = (await import(path)) as Record<string, (...inputs: unknown[]) => unknown>
        return (await module[name](...inputs)) as never
      },
      { name, inputs },
    ) as Promise<Awaited<ReturnType<PageModule[Name]>>>
  const mode = await call('start', backend, tokens, threads)
  return {
    backend,
    mode,
    verify: (name) => call('verify', name),
    time: (name, ms) => call('time', name, ms),
    loadModel: () => call('loadModel'),
    close: () => page.close(),
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0]
}
