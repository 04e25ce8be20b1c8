// How well SAEs do, and what the model loses with one in its place, under two conventions about BOS.
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import type { Hook, HookTable } from '../../gpt2/hooks.ts'
import { run, type Gpt2 } from '../../gpt2/model.ts'
import { lossRecovered, QualityMeter } from '../../sae/metrics.ts'
import { replaceBy, splice } from '../../sae/splice.ts'
import type { Sae } from '../../sae/weights.ts'
import { batches } from '../lab/models/features.ts'
import { withSae, type OpenModel } from '../lab/models/models.ts'
import { metering } from '../lab/models/sae-quality.ts'
import { windowsOf } from '../lab/models/windows.ts'
import { densityBins, type DensityBins } from './density.ts'

/**
 * What happens to BOS, and to the prediction made at it: replaced and scored like any other token, or neither. Zeros are put at
 * every token in both conventions, as in SAELens.
 */
export type Convention = 'clearbox' | 'saelens'

/** Means over predictions, nats. Named as in results.json, as all below. */
export interface Losses {
  ce_clean: number
  ce_spliced: number
  ce_zero_ablated: number
  /** With the mean over tokens in place of what the SAE rebuilds. SAELens has no such number: its treatment of BOS is kept. */
  ce_mean_ablated: number
  /** (CE_ablated - CE_spliced) / (CE_ablated - CE_clean) */
  ce_recovered_of_zero: number
  ce_recovered_of_mean: number
  /** KL(clean || changed) of the next token's distribution. */
  kl_spliced: number
  kl_zero_ablated: number
  kl_mean_ablated: number
}

/** BOS is left out of all but `losses`, by both conventions. */
export interface MeasuredSae {
  hook: string
  /** What it rebuilds, if not that. */
  hook_out: string
  architecture: string
  d_sae: number
  texts: number
  tokens: number
  l0: number
  l1: number
  explained_variance: number
  mse: number
  cosine: number
  dead_features: number
  dense_features: number
  density: DensityBins
  published: { l0: number | null; explained_variance: number | null }
  losses: Record<Convention, Losses>
}

type Ids = readonly number[]

/**
 * Two walks through the texts for each SAE: one for what it rebuilds, as deep as its hook; one for the predictions, six passes.
 * @param wholeTexts ids with BOS; windows of a long text count as texts of their own
 * @param onTokens is called with the tokens done, of twice all tokens a hook
 */
export async function measureThoroughly(
  model: Pick<OpenModel, 'gpt2' | 'openSae' | 'saePublished'>,
  wholeTexts: readonly Ids[],
  hooks: readonly string[],
  onTokens: (done: number) => void = () => {},
): Promise<MeasuredSae[]> {
  const { gpt2 } = model
  const texts = wholeTexts.flatMap((text) => windowsOf(text, gpt2.config.nCtx).map(({ ids }) => ids))
  const measured: MeasuredSae[] = []
  let done = 0
  const step = async (batch: readonly Ids[]) => {
    onTokens((done += batch.flat().length))
    await new Promise((resolve) => setTimeout(resolve, 0)) // Ctrl-C is heard between batches
  }
  for (const hook of hooks)
    await withSae(model, hook, async (sae) => {
      const { hookNameOut, architecture, dSae, dOut } = sae.config
      const meter = new QualityMeter(dOut, dSae)
      for (const batch of batches(texts)) {
        await run(gpt2, batch, metering(meter, sae, batch))
        await step(batch)
      }
      const { tokens, l0, l1, explainedVariance, mse, cosine, ...features } = meter.quality()
      const published = model.saePublished(hook)
      measured.push({
        ...{ hook, hook_out: hookNameOut, architecture, d_sae: dSae, texts: wholeTexts.length, tokens },
        ...{ l0, l1, explained_variance: explainedVariance, mse, cosine },
        ...{ dead_features: features.deadFeatures, dense_features: features.denseFeatures },
        density: densityBins(meter.densities(), tokens),
        published: {
          l0: published?.l0 ?? null,
          explained_variance: published?.explainedVariance ?? null,
        },
        losses: await lossesOf(gpt2, sae, meter.mean(), texts, step),
      })
    })
  return measured
}

/** mean [d_out], of what the SAE rebuilds */
async function lossesOf(
  gpt2: Gpt2,
  sae: Sae,
  mean: Float32Array,
  texts: readonly Ids[],
  step: (batch: readonly Ids[]) => Promise<void>,
): Promise<Record<Convention, Losses>> {
  const { config } = sae
  const changes = (bosRows: readonly number[]): Record<keyof typeof sums, HookTable> => {
    const spliced = splice(sae, config.hookName)
    const zeroed = { [config.hookNameOut]: replaceBy(config, new Float32Array(config.dOut)) }
    const averaged = { [config.hookNameOut]: replaceBy(config, mean) }
    return {
      ...{ spliced, zeroed, averaged },
      ...{ splicedButBos: sparing(spliced, bosRows), averagedButBos: sparing(averaged, bosRows) },
    }
  }
  const clean = new Sums()
  const sums = {
    spliced: new Sums(),
    zeroed: new Sums(),
    averaged: new Sums(),
    splicedButBos: new Sums(),
    averagedButBos: new Sums(),
  }
  for (const batch of batches(texts)) {
    const targets = batch.flatMap((ids) => [...ids.slice(1), 0])
    const losses = async (ops: Backend, logits: DeviceTensor) =>
      (await ops.download(await ops.crossEntropy(logits, targets))).data
    const atClean = async (before: DeviceTensor, ops: Backend) => {
      clean.add(batch, await losses(ops, before))
      for (const [name, hooks] of Object.entries(changes(firstRows(batch)))) {
        const compare = async (after: DeviceTensor, ops: Backend) => {
          const kl = (await ops.download(await ops.klDivergence(before, after))).data
          sums[name as keyof typeof sums].add(batch, await losses(ops, after), kl)
        }
        await run(gpt2, batch, { ...hooks, logits: compare })
      }
    }
    await run(gpt2, batch, { logits: atClean })
    await step(batch)
  }
  const { spliced, zeroed, averaged, splicedButBos, averagedButBos } = sums
  return {
    clearbox: lossesFrom('clearbox', { clean, spliced, zeroed, averaged }),
    saelens: lossesFrom('saelens', { clean, spliced: splicedButBos, zeroed, averaged: averagedButBos }),
  }
}

function lossesFrom(
  convention: Convention,
  sums: Record<'clean' | 'spliced' | 'zeroed' | 'averaged', Sums>,
): Losses {
  const means = (one: Sums) => one.means(convention === 'saelens')
  const [clean, spliced, zeroed, averaged] = [
    means(sums.clean),
    means(sums.spliced),
    means(sums.zeroed),
    means(sums.averaged),
  ]
  const recovered = (ablated: number) => lossRecovered({ clean: clean.ce, spliced: spliced.ce, ablated })
  return {
    ...{ ce_clean: clean.ce, ce_spliced: spliced.ce },
    ...{ ce_zero_ablated: zeroed.ce, ce_mean_ablated: averaged.ce },
    ...{ ce_recovered_of_zero: recovered(zeroed.ce), ce_recovered_of_mean: recovered(averaged.ce) },
    ...{ kl_spliced: spliced.kl, kl_zero_ablated: zeroed.kl, kl_mean_ablated: averaged.kl },
  }
}

/** Sums over predictions, those at BOS apart. A text's last token has no answer, but a distribution. */
class Sums {
  readonly #all = { ce: 0, answers: 0, kl: 0, tokens: 0 }
  readonly #atBos = { ce: 0, answers: 0, kl: 0, tokens: 0 }

  /** One number per token of all texts, which lie end to end. */
  add(batch: readonly Ids[], losses: Float32Array, kl?: Float32Array): void {
    let row = 0
    for (const { length } of batch)
      for (let t = 0; t < length; t++, row++)
        for (const sums of t === 0 ? [this.#all, this.#atBos] : [this.#all]) {
          if (t < length - 1) {
            sums.ce += losses[row]
            sums.answers++
          }
          sums.kl += kl?.[row] ?? 0
          sums.tokens++
        }
  }

  means(withoutBos: boolean): { ce: number; kl: number } {
    const [all, off] = [this.#all, withoutBos ? this.#atBos : { ce: 0, answers: 0, kl: 0, tokens: 0 }]
    return {
      ce: (all.ce - off.ce) / (all.answers - off.answers),
      kl: (all.kl - off.kl) / (all.tokens - off.tokens),
    }
  }
}

/** The rows of the texts' first tokens, where texts lie end to end. */
function firstRows(batch: readonly Ids[]): number[] {
  let end = 0
  return batch.map(({ length }) => (end += length) - length)
}

/** The same hooks, which leave some rows as they are. */
function sparing(hooks: HookTable, rows: readonly number[]): HookTable {
  const spared =
    (hook: Hook): Hook =>
    async (x, ops) => {
      const replaced = await hook(x, ops)
      if (!replaced) return
      const [before, after] = [await ops.download(x), await ops.download(replaced)]
      const width = before.data.length / before.shape[0]
      for (const row of rows)
        after.data.set(before.data.subarray(row * width, (row + 1) * width), row * width)
      return ops.upload(after)
    }
  return Object.fromEntries(Object.entries(hooks).map(([name, hook]) => [name, [hook].flat().map(spared)]))
}
