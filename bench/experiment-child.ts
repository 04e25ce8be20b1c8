// The process of one run of `bench experiment`; `model` is the folder that it finds everything in.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { analyseLayer } from '../experiments/lab/analysis/analyse-layer.ts'
import { withStatistics, type LayerInput } from '../experiments/lab/analysis/layer-statistics.ts'
import { runMain } from '../experiments/lab/cli/cli.ts'
import { captureStreams, encodeStream } from '../experiments/lab/models/features.ts'
import { layerOf } from '../experiments/lab/models/hooks.ts'
import { float32Bytes } from '../experiments/lab/models/fits.ts'
import { findModel } from '../experiments/lab/models/model-source.ts'
import { openModel } from '../experiments/lab/models/models.ts'
import { withBackend, type EngineOptions } from '../experiments/lab/models/engine-options.ts'
import { weightShapes } from '../gpt2/weights.ts'
import { meanFeatures } from '../sae/pooling.ts'
import { releaseSae, saeShapes } from '../sae/weights.ts'
import { opCost } from './op-cost.ts'
import type { ExperimentInput, ExperimentPart, ExperimentRun } from './experiment-input.ts'
import { peakBytes } from './measured-process.ts'
import { noCost } from './rows.ts'
import { wrapOps } from './wrap-ops.ts'
import { ofCategory } from '../experiments/lab/analysis/by-category.ts'

const SHUFFLES = 1000

/** Adds up, for each part, the time and the arithmetic of what runs inside `time`. */
class Clock {
  readonly #parts = new Map<string, ExperimentPart>()
  #flops = 0

  count(flops: number): void {
    this.#flops += flops
  }

  async time<T>(work: string, shape: string, run: () => T, bytes = 0) {
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
  const options = JSON.parse(process.argv[2]) as EngineOptions
  const input = JSON.parse(await readFile(join(options.model, 'experiment.json'), 'utf8')) as ExperimentInput
  const { hooks, categories, texts } = input
  await withBackend(options, async (plain) => {
    const started = { ms: Date.now() - Number(process.env.CLEARBOX_STARTED_AT), peak: peakBytes() }
    const clock = new Clock()
    const ops = wrapOps(plain, (call, run) => {
      clock.count(opCost(call).flops)
      return run()
    })
    const tokens = texts.reduce((sum, { length }) => sum + length, 0)
    const { config } = await findModel(options.model)
    const load = () => openModel(options.model, ops, { quiet: true })
    const model = await clock.time('load the model', '', load, float32Bytes(weightShapes(config)))
    const loaded = peakBytes()
    const streams = await clock.time('forward', String(tokens), () =>
      captureStreams(model.gpt2, texts, hooks),
    )
    const layers: LayerInput[] = []
    const lengths = texts.map(({ length }) => length)
    for (const [i, hook] of hooks.entries()) {
      const { dIn, dSae } = model.saeConfig(hook)
      const bytes = float32Bytes(saeShapes(model.saeConfig(hook)))
      const sae = await clock.time('load the SAEs', String(hooks.length), () => model.openSae(hook), bytes)
      const next = i + 1 < hooks.length ? model.readAheadSae(hooks[i + 1]) : undefined
      const features = await clock.time('encode', `${hooks.length} x ${tokens}x${dIn}x${dSae}`, () =>
        encodeStream(ops, sae, streams.get(hook)!),
      )
      releaseSae(sae)
      await clock.time('analysis', `${hooks.length} x ${texts.length}x${dSae}`, () => {
        const means = meanFeatures(features, lengths)
        const analysis = analyseLayer(means, categories, input.threshold, layerOf(hook))
        layers.push({ means, analysis, streamNorm: null })
      })
      await next
    }
    const total = clock.parts.reduce((sum, { ms }) => sum + ms, 0)
    const done = peakBytes()
    await clock.time('statistics, not in the total', `${SHUFFLES} shuffles`, () =>
      withStatistics(layers, categories, { permutations: SHUFFLES, resamples: SHUFFLES, seed: 0 }),
    )
    const [statistics] = clock.parts.slice(-1)
    const run: ExperimentRun = {
      name: ops.name,
      mode: ops.mode,
      parts: [
        { work: 'start, not in the total', shape: '', ms: started.ms, ...noCost },
        ...clock.parts.slice(0, -1),
        { work: 'total', shape: `${texts.length} texts`, ms: total, ...noCost },
        statistics,
      ],
      memory: { start: started.peak, loaded, done },
      peaks: layers.map(({ analysis }) =>
        categories.map(({ name }) => ofCategory(analysis.categories, name).peak?.value ?? 0),
      ),
    }
    process.stdout.write(JSON.stringify(run))
  })
})
