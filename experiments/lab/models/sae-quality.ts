// How well SAEs do: reconstruction, sparsity, and what splicing them in costs the model.
import type { Backend, DeviceTensor } from '../../../engine/backend.ts'
import { sliceRows } from '../../../engine/sparse.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import type { HookTable } from '../../../gpt2/hooks.ts'
import { meanLoss } from '../../../gpt2/loss.ts'
import { run, type Gpt2 } from '../../../gpt2/model.ts'
import { decode } from '../../../sae/decoder.ts'
import { encode, saeInput } from '../../../sae/encoder.ts'
import { lossRecovered, QualityMeter } from '../../../sae/metrics.ts'
import { splice, zeroAblate } from '../../../sae/splice.ts'
import type { Sae } from '../../../sae/weights.ts'
import { batches } from './features.ts'
import { withSae, type OpenModel } from './models.ts'
import { windowsOf } from './windows.ts'

/** How well an SAE does on some texts, as it stands in results.json. Losses are in nats a token. */
export interface SaeEvaluation {
  texts: number
  /** BOS left out, as from all that follows but the losses. */
  tokens: number
  /** Mean number of active features a token. */
  l0: number
  /** 1 - sum |x - x_hat|^2 / sum |x - mean(x)|^2, the mean taken over tokens, per dimension. */
  explained_variance: number
  d_sae: number
  /** Active on no token; few tokens leave many features without an occasion. */
  dead_features: number
  /** Active on more than a tenth of the tokens. */
  dense_features: number
  /** The model alone; the mean over all predictions, that made at BOS included. */
  ce_clean: number
  /** With the SAE spliced in at every position, BOS too. */
  ce_spliced: number
  /** With zeros in place of the stream. */
  ce_zero_ablated: number
  /** (zero-ablated - spliced) / (zero-ablated - clean): 1 if splicing costs nothing. */
  ce_recovered: number
}

type Texts = readonly (readonly number[])[]

/**
 * Measures the SAEs of some hooks: a forward pass for the model alone, two for each SAE.
 * @param wholeTexts ids with BOS; windows of a long text count as texts of their own
 * @param onPass is called with the number of passes done
 */
export async function measureSaes(
  model: Pick<OpenModel, 'gpt2' | 'openSae'>,
  wholeTexts: Texts,
  hooks: readonly string[],
  onPass: (done: number) => void = () => {},
): Promise<Map<string, SaeEvaluation>> {
  const texts = wholeTexts.flatMap((text) => windowsOf(text, model.gpt2.config.nCtx).map(({ ids }) => ids))
  const evaluations = new Map<string, SaeEvaluation>()
  let done = 0
  const clean = await lossOf(model.gpt2, texts)
  onPass(++done)
  for (const hook of hooks) {
    const { meter, spliced, dSae } = await withSae(model, hook, async (sae) => {
      const { dIn, dSae } = sae.config
      const meter = new QualityMeter(dIn, dSae)
      const spliced = await lossOf(model.gpt2, texts, (batch) => ({
        [hook]: [(x, ops) => readStream(meter, sae, x, batch, ops), splice(sae, hook)],
      }))
      return { meter, spliced, dSae }
    })
    onPass(++done)
    const zeroAblated = await lossOf(model.gpt2, texts, () => ({ [hook]: zeroAblate }))
    onPass(++done)
    const { tokens, l0, explainedVariance, deadFeatures, denseFeatures } = meter.quality()
    evaluations.set(hook, {
      ...{ texts: wholeTexts.length, tokens, l0, explained_variance: explainedVariance, d_sae: dSae },
      ...{ dead_features: deadFeatures, dense_features: denseFeatures },
      ...{ ce_clean: clean, ce_spliced: spliced, ce_zero_ablated: zeroAblated },
      ce_recovered: lossRecovered({ clean, spliced, zeroAblated }),
    })
  }
  return evaluations
}

/** How many passes `measureSaes` makes. */
export const measuringPasses = (hooks: number): number => 1 + 2 * hooks

/** The mean loss over all predictions of all texts, with the hooks that `hooksFor` gives for each batch. */
async function lossOf(model: Gpt2, texts: Texts, hooksFor: (batch: Texts) => HookTable = () => ({})) {
  let loss = 0
  let predictions = 0
  for (const batch of batches(texts)) {
    const sum = async (logits: DeviceTensor, ops: Backend) => {
      const rows = await ops.download(logits)
      let row = 0
      for (const ids of batch) {
        loss += meanLoss(rows.rows(row, (row += ids.length)), ids) * (ids.length - 1)
        predictions += ids.length - 1
      }
    }
    await run(model, batch, { ...hooksFor(batch), logits: sum })
    await new Promise((resolve) => setTimeout(resolve, 0)) // Ctrl-C is heard between batches
  }
  return loss / predictions
}

/** Shows the meter what the SAE makes of the stream x [tokens, d_in], text by text. */
async function readStream(
  meter: QualityMeter,
  sae: Sae,
  x: DeviceTensor,
  batch: Texts,
  ops: Backend,
): Promise<void> {
  const features = await encode(ops, sae, x)
  const [stream, rebuilt]: Tensor[] = [
    await ops.download(await saeInput(ops, sae, x)),
    await ops.download(await decode(ops, sae, features)),
  ]
  let row = 0
  for (const { length } of batch) {
    const [from, to] = [row, (row += length)]
    meter.add(stream.rows(from, to), rebuilt.rows(from, to), sliceRows(features, from, to))
  }
}
