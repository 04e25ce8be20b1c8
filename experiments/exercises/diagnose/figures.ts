// What is measured of a patient: the figures of npm run sae-quality, and a few that tell faults apart.
import { sliceRows } from '../../../engine/sparse.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { run, type Gpt2 } from '../../../gpt2/model.ts'
import { toBasis } from '../../../sae/basis.ts'
import { reconstruct } from '../../../sae/decoder.ts'
import { encode } from '../../../sae/encoder.ts'
import { QualityMeter } from '../../../sae/metrics.ts'
import type { Sae } from '../../../sae/weights.ts'
import { batches } from '../../lab/models/features.ts'
import { measureSaes } from '../../lab/models/sae-quality.ts'

/** BOS is left out of all but `atBos` and the losses. */
export interface Figures {
  readonly l0: number
  readonly explained: number
  readonly cosine: number
  /** The same at BOS alone. */
  readonly atBos: number
  /** The mean over d_model of what is read and of what is rebuilt, as they were compared; the mean over tokens. */
  readonly rowMean: number
  readonly rebuiltRowMean: number
  readonly dead: number
  /** Of the features that fire, the share that fires on more than a tenth of the tokens. */
  readonly dense: number
  /** The loss of the model alone, nats per token. */
  readonly clean: number
  /** How much more it loses with the SAE in place, nats per token. */
  readonly cost: number
  readonly ofZeros: number
  readonly ofMean: number
  /** Features by how often they fire: a count for each half of a decade, the last one up to every token. */
  readonly histogram: readonly number[]
}

/** A model, the hook that is read, an SAE, and texts: all that figures are made from. */
export interface Case {
  readonly gpt2: Gpt2
  readonly hook: string
  readonly openSae: () => Promise<Sae>
  /** Ids with BOS. */
  readonly texts: readonly (readonly number[])[]
}

const BINS = 7

export async function figuresOf({ gpt2, hook, openSae, texts }: Case): Promise<Figures> {
  const losses = (await measureSaes({ gpt2, openSae }, texts, [hook])).get(hook)!
  using sae = await openSae()
  const { dIn, dSae } = sae.config
  const [meter, atBos] = [new QualityMeter(dIn, dSae), new QualityMeter(dIn, dSae)]
  let [sum, rebuiltSum] = [0, 0]
  for (const batch of batches(texts))
    await run(gpt2, batch, {
      [hook]: async (stream, ops) => {
        const features = await encode(ops, sae, stream)
        const rebuilt = await ops.download(await reconstruct(ops, sae, stream, features))
        const x = await ops.download(await toBasis(ops, sae.config, hook, stream))
        let row = 0
        for (const { length } of batch) {
          const [first, end] = [row, (row += length)]
          meter.add(x.rows(first, end), rebuilt.rows(first, end), sliceRows(features, first, end))
          atBos.add(
            x.rows(first, first + 1),
            rebuilt.rows(first, first + 1),
            sliceRows(features, first, first + 1),
            0,
          )
          sum += total(x.rows(first + 1, end))
          rebuiltSum += total(rebuilt.rows(first + 1, end))
        }
      },
    })
  const { l0, explainedVariance, cosine, tokens, deadFeatures } = meter.quality()
  const shares = meter.densities().filter((share) => share > 0)
  return {
    ...{ l0, explained: explainedVariance, cosine, atBos: atBos.quality().cosine, dead: deadFeatures },
    ...{ rowMean: sum / (tokens * dIn), rebuiltRowMean: rebuiltSum / (tokens * dIn) },
    dense: shares.filter((share) => share > 0.1).length / shares.length,
    ...{ clean: losses.ce_clean, cost: losses.ce_spliced - losses.ce_clean },
    ...{ ofZeros: losses.ce_recovered, ofMean: losses.ce_recovered_of_mean },
    histogram: histogramOf(shares),
  }
}

function total({ data }: Tensor): number {
  return data.reduce((sum, value) => sum + value, 0)
}

function histogramOf(shares: Float64Array): number[] {
  const counts = new Array<number>(BINS).fill(0)
  for (const share of shares)
    counts[Math.min(BINS - 1, Math.max(0, BINS + Math.floor(2 * Math.log10(share))))]++
  return counts
}
