// How well SAEs do: reconstruction, sparsity, and what splicing them in costs the model.
import { sliceRows, type SparseRows } from '../../../engine/sparse.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import type { HookTable } from '../../../gpt2/hooks.ts'
import { textLosses } from '../../../gpt2/loss.ts'
import type { Gpt2 } from '../../../gpt2/model.ts'
import { toBasis } from '../../../sae/basis.ts'
import { reconstruct } from '../../../sae/decoder.ts'
import { encode } from '../../../sae/encoder.ts'
import { lossRecovered, QualityMeter } from '../../../sae/metrics.ts'
import { replaceBy, splice } from '../../../sae/splice.ts'
import type { Sae } from '../../../sae/weights.ts'
import { batches } from './features.ts'
import { joinHooks } from './hooks.ts'
import { withSae, type OpenModel } from './models.ts'
import { windowsOf } from './windows.ts'

/** How well an SAE does on some texts, as it stands in results.json. Losses are in nats per token. */
export interface SaeEvaluation {
  texts: number
  /** BOS left out, as from all that follows but the losses. */
  tokens: number
  /** Mean number of active features per token. */
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
  /** With zeros in place of what the SAE rebuilds. */
  ce_zero_ablated: number
  /** With its mean over these tokens in its place: the loss if nothing is known about the text. */
  ce_mean_ablated: number
  /**
   * (zero-ablated - spliced) / (zero-ablated - clean): 1 if splicing costs nothing. It flatters, because zeros do more harm than
   * knowing nothing; so the loss with the mean is given beside it.
   */
  ce_recovered: number
  ce_recovered_of_mean: number
}

type Texts = readonly (readonly number[])[]

/**
 * Measures the SAEs of some hooks: a forward pass for the model alone, three for each SAE.
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
    const { meter, spliced, config } = await withSae(model, hook, async (sae) => {
      const { config } = sae
      const meter = new QualityMeter(config.dOut, config.dSae)
      const spliced = await lossOf(model.gpt2, texts, (batch) =>
        joinHooks(metering(meter, sae, batch), splice(sae, hook)),
      )
      return { meter, spliced, config }
    })
    onPass(++done)
    const lossWith = async (row: Float32Array) => {
      const loss = await lossOf(model.gpt2, texts, () => ({ [config.hookNameOut]: replaceBy(config, row) }))
      onPass(++done)
      return loss
    }
    const zeroAblated = await lossWith(new Float32Array(config.dOut))
    const meanAblated = await lossWith(meter.mean())
    const { tokens, l0, explainedVariance, deadFeatures, denseFeatures } = meter.quality()
    evaluations.set(hook, {
      ...{ texts: wholeTexts.length, tokens, l0, explained_variance: explainedVariance, d_sae: config.dSae },
      ...{ dead_features: deadFeatures, dense_features: denseFeatures },
      ...{ ce_clean: clean, ce_spliced: spliced, ce_zero_ablated: zeroAblated, ce_mean_ablated: meanAblated },
      ce_recovered: lossRecovered({ clean, spliced, ablated: zeroAblated }),
      ce_recovered_of_mean: lossRecovered({ clean, spliced, ablated: meanAblated }),
    })
  }
  return evaluations
}

/** How many passes `measureSaes` makes. */
export const measuringPasses = (hooks: number): number => 1 + 3 * hooks

/** The mean loss over all predictions of all texts, with the hooks that `hooksFor` gives for each batch. */
async function lossOf(model: Gpt2, texts: Texts, hooksFor: (batch: Texts) => HookTable = () => ({})) {
  let loss = 0
  for (const batch of batches(texts)) {
    for (const ofText of await textLosses(model, batch, hooksFor(batch))) loss += ofText
    await new Promise((resolve) => setTimeout(resolve, 0)) // Ctrl-C is heard between batches
  }
  return loss / texts.reduce((predictions, ids) => predictions + ids.length - 1, 0)
}

/**
 * Hooks that show the meter what the SAE makes of its hook, text by text: what it rebuilds is compared with what stands there.
 * batch: the texts of the pass
 */
export function metering(meter: QualityMeter, sae: Sae, batch: Texts): HookTable {
  const { config } = sae
  let features: SparseRows
  let rebuilt: Tensor
  const read: HookTable = {
    [config.hookName]: async (x, ops) => {
      features = await encode(ops, sae, x)
      rebuilt = await ops.download(await reconstruct(ops, sae, x, features))
    },
  }
  const compare: HookTable = {
    [config.hookNameOut]: async (x, ops) => {
      const target = await ops.download(
        await toBasis(ops, { ...config, dIn: config.dOut }, config.hookNameOut, x),
      )
      let row = 0
      for (const { length } of batch) {
        const [from, to] = [row, (row += length)]
        meter.add(target.rows(from, to), rebuilt.rows(from, to), sliceRows(features, from, to))
      }
    },
  }
  return joinHooks(read, compare)
}
