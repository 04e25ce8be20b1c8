// `bench gpujs`: each op in each mode of gpu.js beside the other backends, and naive kernels beside better ones.
import { Option } from 'commander'
import { backends } from '../engine/backends.ts'
import { listOf, positiveInteger } from '../experiments/lab/cli/cli.ts'
import { addThreads, timesAsFast, type Benchmark } from './benchmark.ts'
import { allCases } from './gpujs/all-cases.ts'
import { startChromium } from './gpujs/chromium.ts'
import type { OpCase } from './gpujs/case.ts'
import type { RaceTask } from './gpujs/race-layer.ts'
import { raceInNode } from './gpujs/race-node.ts'
import { packages, race } from './gpujs/race.ts'
import { startRunner } from './gpujs/runner.ts'
import type { GpuUse } from './rows.ts'
import { timeSideBySide, type Runner } from './side-by-side.ts'

interface GpuJsOptions {
  readonly tokens?: number
  readonly threads?: number
  /** In Chromium, on its GPU; with `software` on SwiftShader. */
  readonly browser?: boolean
  readonly software?: boolean
  /** Chromium: lengths of texts for a pass through all of GPT-2 small, and for its layers beside other libraries. */
  readonly prefill?: readonly number[]
  /** Only the race in Node, on WebGPU. */
  readonly race?: boolean
  readonly small?: boolean
  /** Only works whose names begin like this. */
  readonly only?: readonly string[]
}

export const gpujs: Benchmark<GpuJsOptions> = {
  name: 'gpujs',
  description: 'each op in each mode of gpu.js, and better kernels',
  addOptions: (command) =>
    addThreads(command)
      .addOption(
        new Option(
          '--race',
          'only a race on WebGPU in Node: GPT-2 small, its products and an SAE beside jax-js and onnxruntime-web; ' +
            'under five minutes on a GPU; needs npm install --no-save --save-dev webgpu@0.6.2, and npm ci --prefix bench/peers',
        ).conflicts(['browser', 'only', 'prefill', 'tokens', 'threads']),
      )
      .addOption(
        new Option('--small', '--race with few tokens; software always gets these, and says so').implies({
          race: true,
        }),
      )
      .option('--browser', 'in Chromium, on its GPU, instead of in Node')
      .option('--software', 'with --browser: on SwiftShader, for a machine without a GPU')
      .option(
        '--prefill <list>',
        'with --browser: tokens through all of GPT-2 small, and through its layers beside other libraries ' +
          '(default: 128,512 on a real GPU)',
        listOf('prefill', positiveInteger('tokens')),
      )
      .option('--tokens <n>', 'tokens at once (default: 64; quick: 16)', positiveInteger('tokens'))
      .option(
        '--only <list>',
        'only works whose names begin like this; race: beside other libraries',
        listOf('only'),
      ),

  async run({ quick, quiet, threads, prefill, only, race: inNodeAlone, small = false, ...options }) {
    if (inNodeAlone) return raceInNode({ small, quick, quiet })
    const { browser, software = false } = options
    const tokens = options.tokens ?? (quick ? 16 : 64)
    const isWanted = (work: string) => only?.some((start) => work.startsWith(start)) ?? true
    const settings = { quick, quiet, rounds: 4 }

    const takesPart = ({ work, gpujsOnly }: OpCase, { backend, mode }: Runner<string>) =>
      work === 'prefill'
        ? mode.includes('(hardware)') || (prefill !== undefined && mode.includes('(software)'))
        : !gpujsOnly || backend.startsWith('gpujs:')

    const timeCases = async (
      where: string,
      names: readonly string[],
      start: (name: string) => Promise<Runner<string>>,
      prefill: readonly number[] = [],
    ) => {
      const cases = allCases(tokens, prefill)
        .filter(({ work }) => isWanted(work))
        .map((one) => ({
          ...one,
          task: () => one.work + one.shape,
          takesPart: (runner: Runner<string>) => takesPart(one, runner),
        }))
      const starts = cases.length === 0 ? [] : names.map((name) => [name, () => start(name)] as const)
      return timeSideBySide(starts, () => cases, { ...settings, where })
    }

    if (!browser) {
      const inNode = Object.keys(backends).filter((name) => backends[name].needs !== 'browser')
      const gpu: GpuUse[] = []
      const start = (name: string) => startRunner(name, tokens, threads, [], gpu)
      return { ...(await timeCases('Node', inNode, start)), gpu }
    }
    const chromium = await startChromium(software)
    const counts = prefill ?? [128, 512]
    const open = (name: string) =>
      chromium.open<string>('/bench/gpujs/page.ts', name, tokens, threads, counts)
    const openRacer = (name: string) => chromium.open<RaceTask>('/bench/gpujs/race-page.ts', name)
    try {
      const parts = [await timeCases('Chromium', Object.keys(backends), open, counts)]
      if (isWanted('race')) parts.push(await race(openRacer, { ...settings, tokens, prefill }))
      return { rows: parts.flatMap(({ rows }) => rows), notRun: parts.flatMap(({ notRun }) => notRun) }
    } finally {
      await chromium.close()
    }
  },

  summary({ rows }) {
    const computed = rows.filter(({ work }) => !/upload|read back/.test(work))
    const of = (names: readonly string[]) => computed.filter(({ backend }) => names.includes(backend))
    if (of(['WGSL']).length > 0)
      return timesAsFast('the fastest other library', of(['gpujs:webgpu']), of(Object.keys(packages)))
    return timesAsFast(
      'gpu.js in its fastest mode, op for op',
      computed.filter(({ backend }) => backend === 'wasm'),
      computed.filter(({ backend }) => backend.startsWith('gpujs:')),
      ({ work, shape, mode }) => [work, shape, mode.split(':')[0]].join(),
    )
  },
}
