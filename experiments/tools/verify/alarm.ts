// Is each SAE fed what it was trained on, and does every text begin with BOS?
import { bosOf } from '../../../gpt2/config.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { reconstruct } from '../../../sae/decoder.ts'
import { encode, saeInput } from '../../../sae/encoder.ts'
import { QualityMeter, type SaeQuality } from '../../../sae/metrics.ts'
import type { Sae } from '../../../sae/weights.ts'
import { batches, captureStreams } from '../../lab/models/features.ts'
import { layerOf } from '../../lab/models/hooks.ts'
import { withSae, type OpenModel } from '../../lab/models/models.ts'

/** How well an SAE rebuilds one stream, on one basis. */
interface Reading {
  readonly hook: string
  /** Whether the stream's mean over d_model was taken out. */
  readonly centered: boolean
  readonly quality: SaeQuality
  /** Share of the stream's variance that the reconstruction misses: 1 minus explained variance. */
  readonly error: number
}

/** What an SAE is fed, held against all that it could have been meant for. */
export interface Alarm {
  readonly hook: string
  readonly asConfigured: Reading
  /** Of all readings, as configured or not, the one with the smallest error. */
  readonly best: Reading
  /** What is likely wrong; undefined if nothing is. */
  readonly hint: string | undefined
}

/** How much better another stream must be read to count: a few texts are noisy. */
const CLEARLY = 0.9
/** On the other basis the texts are the same, and so is the noise. */
const CLEARLY_BASIS = 0.97
/** An SAE that misses more than a constant would does not know what it reads. */
const LARGEST_ERROR = 1

/**
 * Is each SAE fed what it was trained on? An SAE rebuilds its own stream best. It is tried on its hook as it is
 * configured, on the other basis, on the same place of all other layers, and on what else there is in its block and
 * the one before. If another reading is clearly better, the configuration, the weights or the pipeline are wrong.
 * @param texts ids with BOS, as the pipeline makes them
 */
export async function soundAlarm(
  model: OpenModel,
  hook: string,
  texts: readonly (readonly number[])[],
): Promise<Alarm> {
  const hooks = [...new Set([hook, ...alternatives(model, hook)])]
  const streams = await captureStreams(model.gpt2, texts, hooks)
  const readings = await withSae(model, hook, async (sae) => {
    const { centered: configured } = sae.config
    const found: Reading[] = []
    for (const fed of hooks)
      for (const centered of fed === hook ? [configured, !configured] : [configured]) {
        const quality = await readStream(sae, streams.get(fed)!, texts, centered)
        found.push({ hook: fed, centered, quality, error: 1 - quality.explainedVariance })
      }
    return found
  })
  const [asConfigured] = readings
  const best = readings.reduce((a, b) => (b.error < a.error ? b : a))
  return { hook, asConfigured, best, hint: hintFor(asConfigured, best) }
}

/** What an SAE could have been trained on instead: hooks of the same width. */
function alternatives({ gpt2 }: OpenModel, hook: string): string[] {
  const last = gpt2.config.nLayers - 1
  const layers = Array.from({ length: last + 1 }, (_, layer) => `blocks.${layer}.hook_resid_pre`)
  const blocks = [layerOf(hook) - 1, layerOf(hook)].filter((block) => block >= 0 && block <= last)
  const inside = ['hook_resid_mid', 'hook_attn_out', 'hook_mlp_out']
  return [
    ...layers,
    `blocks.${last}.hook_resid_post`,
    ...blocks.flatMap((block) => inside.map((place) => `blocks.${block}.${place}`)),
  ]
}

/**
 * An SAE's quality on a stream that it may not have been made for: no hook is checked.
 * @param stream [sum of lengths, d_in], the rows of `texts`, each of which begins with BOS
 */
async function readStream(
  sae: Sae,
  stream: Tensor,
  texts: readonly { readonly length: number }[],
  centered: boolean,
): Promise<SaeQuality> {
  const asFed: Sae = { ...sae, config: { ...sae.config, centered } }
  const meter = new QualityMeter(sae.config.dOut, sae.config.dSae)
  let row = 0
  for (const batch of batches(texts))
    for (const { length } of batch) {
      const x = stream.rows(row, (row += length))
      await sae.ops.scope(async (ops) => {
        const fed = ops.upload(x)
        const features = await encode(ops, asFed, fed)
        const rebuilt = await ops.download(await reconstruct(ops, asFed, fed, features))
        meter.add(await ops.download(await saeInput(ops, asFed, fed)), rebuilt, features)
      })
    }
  return meter.quality()
}

function hintFor(asConfigured: Reading, best: Reading): string | undefined {
  const { hook, centered, error } = asConfigured
  const missed = (reading: Reading) => `${(100 * reading.error).toFixed(1)} %`
  const instead = `missing ${missed(best)} of it instead of ${missed(asConfigured)}`
  if (best.error > LARGEST_ERROR)
    return `weights: the SAE of ${hook} misses ${missed(asConfigured)} of its stream, and of every other: are its weights damaged?`
  if (best.error > (best.hook === hook ? CLEARLY_BASIS : CLEARLY) * error) return undefined
  if (best.hook === hook)
    return (
      `basis: the SAE of ${hook} reads its stream better ${centered ? 'as it is' : 'with its mean over d_model taken out'}, ` +
      `${instead}: is center_writing_weights in its cfg.json right?`
    )
  const place = (name: string) => name.replace(/^blocks\.\d+\./, '')
  if (/hook_resid_(pre|post)$/.test(hook) && /hook_resid_(pre|post)$/.test(best.hook))
    return (
      `layers: the SAE of ${hook} reads ${best.hook} better, ${instead}: ` +
      `were the files of layers ${layerOf(hook)} and ${layerOf(best.hook)} swapped?`
    )
  return (
    `hook: the SAE of ${hook} reads ${best.hook} better, ${instead}: ` +
    `is hook_name in its cfg.json right? It was hardly trained on ${place(hook)}`
  )
}

/**
 * Does every text begin with BOS?
 * @returns what is likely wrong; undefined if nothing is
 */
export function checkBos(model: OpenModel, texts: readonly (readonly number[])[]): string | undefined {
  const bos = bosOf(model.gpt2.config)
  const without = texts.filter(([first]) => first !== bos).length
  if (without === 0) return undefined
  const first = texts.find(([id]) => id !== bos)![0]
  return (
    `BOS: ${without} of ${texts.length} texts begin without <|endoftext|> (id ${bos}), the first of them with id ${first}: ` +
    'every position then sees a different context from the one the SAEs were trained on'
  )
}
