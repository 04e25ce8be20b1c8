import { backends } from '../engine/backends.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { startChromium, type Chromium } from './gpujs/chromium.ts'
import type * as GpuJsPage from './gpujs/page.ts'
import type * as RacePage from './gpujs/race-page.ts'
import { firstLine, race, type Racer } from './gpujs/race.ts'
import { prefillCost } from './gpujs/prefill.ts'
import { Runner, transfers } from './gpujs/runner.ts'
import { allCases } from './gpujs/all-cases.ts'
import { makeRow, threadsOf, type NotRun, type Row } from './rows.ts'
import { alternate, quickBudget, usualBudget, type ShortRun } from './timing.ts'

export interface GpuJsOptions {
  readonly tokens?: number
  readonly threads?: number
  readonly quick?: boolean
  readonly json?: boolean
  /** Also in Chromium, on its GPU; with `software` on SwiftShader. */
  readonly browser?: boolean
  readonly software?: boolean
  /** Chromium: lengths of texts for a pass through all of GPT-2 small, and for its layers beside other libraries. */
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
}

/** Every op in every mode of gpu.js beside the other backends, and kernels naive and better, each verified first. */
export async function benchGpuJs(options: GpuJsOptions): Promise<{ rows: Row[]; notRun: NotRun[] }> {
  const { quick = false, json: quiet = false } = options
  const tokens = options.tokens ?? (quick ? 16 : 64)
  const rows: Row[] = []
  const notRun: NotRun[] = []
  await benchPlace(inNode(tokens, options.threads), tokens, options, rows, notRun, quiet)
  if (!options.browser) return { rows, notRun }
  const chromium = await startChromium(options.software ?? false)
  try {
    await benchPlace(inChromium(chromium, tokens, options.threads), tokens, options, rows, notRun, quiet)
    if (!isWanted('race', options)) return { rows, notRun }
    const raced = await race((name) => openRacer(chromium, name), { ...options, tokens })
    return { rows: [...rows, ...raced.rows], notRun: [...notRun, ...raced.notRun] }
  } finally {
    await chromium.close()
  }
}

async function benchPlace(
  place: Place,
  tokens: number,
  options: GpuJsOptions,
  rows: Row[],
  notRun: NotRun[],
  quiet: boolean,
): Promise<void> {
  const { quick = false } = options
  const transferWorks = transfers.map((work) => ({
    work,
    shape: `${tokens}x${work === 'upload' ? 768 : 3072}`,
    cost: { flops: 0, bytes: 4 * tokens * (work === 'upload' ? 768 : 3072) },
    gpujsOnly: undefined,
  }))
  const works = [...transferWorks, ...allCases(tokens)].filter(({ work }) => isWanted(work, options))
  if (works.length === 0 && !isWanted('prefill', options)) return
  const runners: Somewhere[] = []
  for (const name of place.names)
    try {
      runners.push(await place.start(name))
    } catch (error) {
      notRun.push({ backend: `${name}, ${place.where}`, reason: firstLine(error) })
    }
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
  options: GpuJsOptions,
): Promise<Row[]> {
  const { quick = false, prefill } = options
  const rows: Row[] = []
  if (!isWanted('prefill', options)) return rows
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

function isWanted(work: string, { only }: GpuJsOptions): boolean {
  return only === undefined || only.some((start) => work.startsWith(start))
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
  }
}

function inChromium(chromium: Chromium, tokens: number, threads?: number): Place {
  return {
    where: 'Chromium',
    names: Object.keys(backends),
    async start(backend) {
      const page = await chromium.open<typeof GpuJsPage>('/bench/gpujs/page.ts')
      const mode = await page.call('start', backend, tokens, threads)
      return {
        backend,
        mode,
        verify: (name) => page.call('verify', name),
        time: (name, ms) => page.call('time', name, ms),
        loadModel: () => page.call('loadModel'),
        close: () => page.close(),
      }
    },
  }
}

/** A page of its own for one who takes part in the race. */
async function openRacer(chromium: Chromium, name: string): Promise<Racer> {
  const page = await chromium.open<typeof RacePage>('/bench/gpujs/race-page.ts')
  return {
    mode: await page.call('start', name),
    prepare: (layer) => page.call('prepare', layer),
    time: (part, ms) => page.call('time', part, ms),
    close: () => page.close(),
  }
}
