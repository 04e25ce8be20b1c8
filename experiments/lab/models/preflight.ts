// Before an experiment: do its SAEs rebuild the activations at their hooks on these texts?
import type { Backend } from '../../../engine/backend.ts'
import { sliceRows } from '../../../engine/sparse.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { toBasis } from '../../../sae/basis.ts'
import { describeBasis } from '../../../sae/config.ts'
import { reconstruct } from '../../../sae/decoder.ts'
import { QualityMeter, type SaeQuality } from '../../../sae/metrics.ts'
import type { Sae } from '../../../sae/weights.ts'
import { print, printNote } from '../cli/print.ts'
import { createProgress } from '../cli/progress.ts'
import { UserError } from '../cli/user-error.ts'
import { batches, captureStreams, encodeStream } from './features.ts'
import type { Published } from './hub/releases.ts'
import { withSae, type OpenModel } from './models.ts'
import { windowsOf } from './windows.ts'

/** Below this cosine, an SAE was trained on something other than what it is fed. */
const LEAST_COSINE = 0.8
/** The factor by which L0 may differ from the published one, up or down: texts differ. */
const MOST_TIMES = 3
/** Enough to tell, few enough not to wait for. */
const TOKENS = 1024

/** On fewer tokens a bad figure may be chance: it is reported, and stops nothing. */
const ENOUGH = 16

type Model = Pick<OpenModel, 'name' | 'gpt2' | 'openSae' | 'saeConfig' | 'saePublished'>
type Texts = readonly (readonly number[])[]

/**
 * Prints a line for each SAE: hook, basis, BOS, explained variance, cosine and L0 on some of the texts, BOS left out, and what
 * its authors published. The synthetic model's SAEs are not checked: their weights are a formula.
 * @param texts ids with BOS
 * @throws UserError unless `force`, or with fewer than 16 tokens, if one's cosine is below 0.8, or its L0 more than 3 times off what was published
 */
export async function checkSaes(
  model: Model,
  texts: Texts,
  hooks: readonly string[],
  { quiet = false, force = false },
): Promise<void> {
  if (model.name === 'synthetic' || hooks.length === 0) return
  const sample = sampleOf(
    texts.flatMap((text) => windowsOf(text, model.gpt2.config.nCtx).map(({ ids }) => ids)),
  )
  const outs = hooks.map((hook) => model.saeConfig(hook).hookNameOut)
  const streams = await captureStreams(model.gpt2, sample, [...new Set([...hooks, ...outs])])
  using progress = createProgress({ label: 'checking SAEs', total: hooks.length, unit: 'SAEs', quiet })
  const wrong: string[] = []
  let tokens = 0
  for (const hook of hooks) {
    const quality = await withSae(model, hook, (sae) => measure(sae, sample, streams))
    const published = model.saePublished(hook)
    tokens = quality.tokens
    progress.step()
    if (!quiet) print(lineOf(model, hook, quality))
    const problem = problemOf(quality, published)
    if (problem !== undefined) wrong.push(`the SAE of ${hook}: ${problem}`)
  }
  if (wrong.length === 0) return
  const message =
    `${wrong.join('; ')}: was it trained on this hook, this basis and this model? ` +
    '(npm run doctor shows what its files say)'
  if (!force && tokens >= ENOUGH) throw new UserError(`${message}; --force runs it all the same`)
  if (!quiet)
    printNote(`warning: ${message}${tokens < ENOUGH ? `; ${tokens} tokens are too few to tell` : ''}`)
}

/** Texts at regular distances, until there are enough tokens. */
function sampleOf(texts: Texts): Texts {
  const tokens = texts.reduce((sum, { length }) => sum + length, 0)
  const step = Math.max(1, Math.floor(tokens / TOKENS))
  return texts.filter((_, i) => i % step === 0)
}

/** streams: at the SAE's hooks, rows of all texts one behind the other */
async function measure(sae: Sae, texts: Texts, streams: ReadonlyMap<string, Tensor>): Promise<SaeQuality> {
  const { config, ops } = sae
  const { dOut, dSae, hookName, hookNameOut } = config
  const meter = new QualityMeter(dOut, dSae)
  const [input, output] = [streams.get(hookName)!, streams.get(hookNameOut)!]
  const features = await encodeStream(ops, sae, input)
  let row = 0
  for (const batch of batches(texts)) {
    const [from, to] = [row, row + batch.reduce((sum, { length }) => sum + length, 0)]
    await ops.scope(async (ops: Backend) => {
      const part = sliceRows(features, from, to)
      const x = ops.upload(input.rows(from, to))
      const rebuilt = await ops.download(await reconstruct(ops, sae, x, part))
      const there = ops.upload(output.rows(from, to))
      const target = await ops.download(await toBasis(ops, { ...config, dIn: dOut }, hookNameOut, there))
      for (const { length } of batch) {
        const rows = [row - from, row - from + length] as const
        meter.add(target.rows(...rows), rebuilt.rows(...rows), sliceRows(part, ...rows))
        row += length
      }
    })
  }
  return meter.quality()
}

function problemOf({ cosine, l0 }: SaeQuality, published?: Published): string | undefined {
  if (!(cosine >= LEAST_COSINE))
    return `the cosine of what it rebuilds to what it read is ${cosine.toFixed(3)}, expected at least ${LEAST_COSINE}`
  const expected = published?.l0
  if (expected !== undefined && !(l0 <= MOST_TIMES * expected && MOST_TIMES * l0 >= expected))
    return `${l0.toFixed(1)} active features per token, but ${expected} were published: expected at most ${MOST_TIMES} times as many or as few`
  return undefined
}

function lineOf(model: Model, hook: string, { tokens, explainedVariance, cosine, l0 }: SaeQuality): string {
  const published = model.saePublished(hook)
  const beside = (figure: number | undefined) => (figure === undefined ? '' : ` (published ${figure})`)
  return [
    `${hook}: ${describeBasis(model.saeConfig(hook))}`,
    'BOS before each text, left out of the figures',
    `explained variance ${explainedVariance.toFixed(3)}${beside(published?.explainedVariance)}`,
    `cosine ${cosine.toFixed(3)}`,
    `L0 ${l0.toFixed(1)}${beside(published?.l0)}`,
    `on ${tokens} tokens`,
  ].join(', ')
}
