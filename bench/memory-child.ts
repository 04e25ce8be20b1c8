// The process that memory.ts measures.
import { float32Bytes } from '../experiments/lab/models/fits.ts'
import { openModel } from '../experiments/lab/models/models.ts'
import { withBackend, type EngineOptions } from '../experiments/lab/models/engine-options.ts'
import { runMain } from '../experiments/lab/cli/cli.ts'
import { run } from '../gpt2/model.ts'
import { weightShapes } from '../gpt2/weights.ts'
import { encode } from '../sae/encoder.ts'
import { saeShapes } from '../sae/weights.ts'
import { peakBytes } from './measured-process.ts'
import { spreadIds } from './model-pass.ts'

export interface ChildOptions extends EngineOptions {
  readonly tokens: number
}

/** What it prints, as JSON. Peaks are of the process, in bytes. */
export interface ChildResult {
  readonly backend: string
  readonly mode: string
  readonly tensorBytes: number
  readonly start: number
  readonly loaded: number
  readonly done: number
  readonly loadMs: number
  readonly runMs: number
}

runMain(async () => {
  const options = JSON.parse(process.argv[2]) as ChildOptions
  const start = peakBytes()
  await withBackend(options, async (ops) => {
    const begun = performance.now()
    const model = await openModel(options.model, ops, { ...options, quiet: true })
    const { gpt2, saeHooks } = model
    const hook = saeHooks[Math.floor(saeHooks.length / 2)]
    const sae = await model.openSae(hook)
    const [loadMs, loaded] = [performance.now() - begun, peakBytes()]

    const features: Parameters<typeof run>[2] = {
      [hook]: async (x, ops) => void (await encode(ops, sae, x)),
      logits: async () => {},
    }
    await run(gpt2, [spreadIds(gpt2.config, options.tokens)], features, { lastOnly: true })

    const result: ChildResult = {
      backend: ops.name,
      mode: ops.mode,
      tensorBytes: float32Bytes(weightShapes(gpt2.config)) + float32Bytes(saeShapes(sae.config)),
      start,
      loaded,
      done: peakBytes(),
      loadMs,
      runMs: performance.now() - begun - loadMs,
    }
    process.stdout.write(JSON.stringify(result))
  })
})
