import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { analyseLayer } from '../experiments/lab/analysis/analyse-layer.ts'
import { withStatistics, type LayerInput } from '../experiments/lab/analysis/layer-statistics.ts'
import { runMain } from '../experiments/lab/cli/cli.ts'
import { captureStreams, encodeStream } from '../experiments/lab/models/features.ts'
import { layerOf } from '../experiments/lab/models/hooks.ts'
import { float32Bytes } from '../experiments/lab/models/memory-limit.ts'
import { readConfig } from '../experiments/lab/models/model-files.ts'
import { openModel } from '../experiments/lab/models/models.ts'
import { withBackend, type EngineOptions } from '../experiments/lab/models/engine-options.ts'
import { weightShapes } from '../gpt2/weights.ts'
import { meanFeatures } from '../sae/pooling.ts'
import { releaseSae, saeShapes } from '../sae/weights.ts'
import { costOf } from './cost.ts'
import type { ExperimentInput, ExperimentPart, ExperimentRun } from './experiment-input.ts'
import { observe } from './observe.ts'

/** What the process is told: `model` is the folder that it finds everything in. */
export interface ExperimentChild extends EngineOptions {
  /** When it was started, in milliseconds since 1970. */
  readonly startedAt: number
}

const SHUFFLES = 1000
const peakBytes = (): number => process.resourceUsage().maxRSS * 1024

/** Adds up, part by part, the time and the arithmetic of what runs within `time`. */
class Clock {
  readonly #parts = new Map<string, ExperimentPart>()
  #flops = 0

  count(flops: number): void {
    this.#flops += flops
  }

  async time<T>(work: string, { shape, bytes = 0 }: { shape: string; bytes?: number }, run: () => T) {
    const [start, flopsBefore] = [performance.now(), this.#flops]
    const result = await run()
    const before = this.#parts.get(work)
    this.#parts.set(work, {
      work,
      shape,
      ms: performance.now() - start + (before?.ms ?? 0),
      flops: this.#flops - flopsBefore + (before?.flops ?? 0),
      bytes: bytes + (before?.bytes ?? 0),
    })
    return result
  }

  get parts(): ExperimentPart[] {
    return [...this.#parts.values()]
  }
}

/** The parts of the experiment, called as experiments/lab/analysis/analyse-texts.ts calls them. */
runMain(async () => {
  const options = JSON.parse(process.argv[2]) as ExperimentChild
  const input = JSON.parse(await readFile(join(options.model, 'experiment.json'), 'utf8')) as ExperimentInput
  const { hooks, categories, texts } = input
  await withBackend(options, async (plain) => {
    const started = { ms: Date.now() - options.startedAt, peak: peakBytes() }
    const clock = new Clock()
    const ops = observe(plain, (call, run) => {
      clock.count(costOf(call).flops)
      return run()
    })
    const tokens = texts.reduce((sum, { length }) => sum + length, 0)
    const config = await readConfig(join(options.model, 'config.json'))
    const model = await clock.time(
      'load the model',
      { shape: '', bytes: float32Bytes(weightShapes(config)) },
      () => openModel(options.model, ops, { quiet: true }),
    )
    const loaded = peakBytes()
    const streams = await clock.time('forward', { shape: String(tokens) }, () =>
      captureStreams(model.gpt2, texts, hooks),
    )
    const layers: LayerInput[] = []
    const lengths = texts.map(({ length }) => length)
    for (const [i, hook] of hooks.entries()) {
      const { dIn, dSae } = model.saeConfig(hook)
      const bytes = float32Bytes(saeShapes(model.saeConfig(hook)))
      const sae = await clock.time('load the SAEs', { shape: String(hooks.length), bytes }, () =>
        model.openSae(hook),
      )
      const next = i + 1 < hooks.length ? model.readAheadSae(hooks[i + 1]) : undefined
      const shape = `${hooks.length} x ${tokens}x${dIn}x${dSae}`
      const features = await clock.time('encode', { shape }, () => encodeStream(ops, sae, streams.get(hook)!))
      releaseSae(sae)
      layers.push(
        await clock.time('analysis', { shape: `${hooks.length} x ${texts.length}x${dSae}` }, () => {
          const means = meanFeatures(features, lengths)
          return {
            means,
            analysis: analyseLayer(means, categories, input.threshold, layerOf(hook)),
            streamNorm: null,
          }
        }),
      )
      await next
    }
    const total = clock.parts.reduce((sum, { ms }) => sum + ms, 0)
    const done = peakBytes()
    await clock.time('statistics, not in the total', { shape: `${SHUFFLES} shuffles` }, () =>
      withStatistics(layers, categories, { permutations: SHUFFLES, resamples: SHUFFLES, seed: 0 }),
    )
    const [statistics] = clock.parts.slice(-1)
    const none = { flops: 0, bytes: 0 }
    const run: ExperimentRun = {
      name: ops.name,
      mode: ops.mode,
      parts: [
        { work: 'start, not in the total', shape: '', ms: started.ms, ...none },
        ...clock.parts.slice(0, -1),
        { work: 'total', shape: `${texts.length} texts`, ms: total, ...none },
        statistics,
      ],
      memory: { start: started.peak, loaded, done },
      peaks: layers.map(({ analysis }) =>
        categories.map(({ name }) => analysis.categories[name].peak?.value ?? 0),
      ),
    }
    process.stdout.write(JSON.stringify(run))
  })
})
