// What each SAE feature of a text is worth to a logit: four estimates, and what taking it out does.
import { sparseRow } from '../../engine/sparse.ts'
import { Tensor, sizeOf } from '../../engine/tensor.ts'
import type { DirectAttribution, LogitQuestion } from '../../gpt2/attribution.ts'
import { hookGradients } from '../../gpt2/hook-gradients.ts'
import { capture } from '../../gpt2/model.ts'
import { saeShares, takeApart, type SaeParts } from '../../sae/attribution.ts'
import { decoderRows } from '../../sae/decoder.ts'
import { directionAt } from '../../sae/edit.ts'
import type { Sae } from '../../sae/weights.ts'
import { directShares, type SaeShare } from '../lab/analysis/features/direct-shares.ts'
import { createProgress } from '../lab/cli/progress.ts'
import { batches } from '../lab/models/features.ts'
import { withSae, type OpenModel } from '../lab/models/models.ts'
import { answersWith } from '../lab/analysis/intervene.ts'

/** All effects are in logits, positive where the feature speaks for the target. BOS is left out. */
export interface FeatureEffect {
  readonly hook: string
  readonly feature: number
  /** Where it is strongest, from BOS, 0. */
  readonly position: number
  readonly activation: number
  /** At the last token, the final LayerNorm's scale frozen. */
  readonly direct: number
  /** Gradient times activation, all tokens. */
  readonly gradient: number
  readonly integrated: number
  /** What the logit loses without it; null if it was not tried. */
  readonly ablation: number | null
}

/** Integrated gradients of all features of an SAE, and what they add up to: what the logit loses without all of them. */
export interface Completeness {
  readonly hook: string
  readonly sum: number
  readonly without_features: number
}

export interface FeatureEffects {
  readonly features: readonly FeatureEffect[]
  readonly shares: readonly SaeShare[]
  readonly integrated: readonly Completeness[]
}

interface Settings {
  readonly steps: number
  readonly ablate: number
  readonly quiet: boolean
}

type Model = Pick<OpenModel, 'gpt2' | 'openSae' | 'saeConfig'>

/** ids: BOS first; hooks: of SAEs */
export async function featureEffects(
  model: Model,
  ids: readonly number[],
  question: LogitQuestion,
  direct: DirectAttribution,
  hooks: readonly string[],
  settings: Settings,
): Promise<FeatureEffects> {
  const out = (hook: string) => model.saeConfig(hook).hookNameOut
  const seen = await capture(model.gpt2, [ids], [...new Set([...hooks, ...hooks.map(out)])])
  const found: { features: FeatureEffect[]; share: SaeShare; completeness: Completeness }[] = []
  using progress = createProgress({
    label: 'features',
    total: hooks.length * settings.ablate,
    unit: 'features',
    quiet: settings.quiet,
  })
  for (const [i, hook] of hooks.entries()) {
    const output = seen.get(out(hook))!
    const text = { model, ids, question, output, hook }
    await withSae(model, hook, async (sae) => {
      const parts = await takeApart(sae, seen.get(hook)!, output)
      const { shares, share } = await directShares(model.gpt2, sae, parts, output, direct.reader)
      const { gradient, integrated, completeness } = await gradientShares(text, sae, parts, settings.steps)
      const rows = tabulate(hook, parts, { direct: shares, gradient, integrated })
      const tried = rows.toSorted((a, b) => b.activation - a.activation).slice(0, settings.ablate)
      const lost = await ablate(text, sae, parts, direct.logit, tried, () => progress.step())
      const features = rows.map((row) => ({ ...row, ablation: lost.get(row.feature) ?? null }))
      found.push({ features, share, completeness })
    })
    progress.update((i + 1) * settings.ablate)
  }
  return {
    features: found.flatMap(({ features }) => features),
    shares: found.map(({ share }) => share),
    integrated: found.map(({ completeness }) => completeness),
  }
}

/** One SAE's text: `output` stands at the hook that it rebuilds, [tokens, ...]. */
interface Text {
  readonly model: Model
  readonly ids: readonly number[]
  readonly question: LogitQuestion
  readonly output: Tensor
  readonly hook: string
}

/** Gradient times activation, and the gradient's mean on the way from no feature to all of them. */
async function gradientShares(
  { model: { gpt2 }, ids, question, output, hook }: Text,
  sae: Sae,
  parts: SaeParts,
  steps: number,
) {
  const out = sae.config.hookNameOut
  // All features, none, and the middle of each step.
  const scales = [1, 0, ...Array.from({ length: steps }, (_, step) => (step + 0.5) / steps)]
  const logits: number[] = []
  const gradients: Float32Array[] = []
  for (const texts of batches(scales.map(() => ids))) {
    const at = scales.slice(logits.length, logits.length + texts.length)
    const activation = stacked(at.map((scale) => withFeatures(sae, parts, output, scale)))
    const found = await hookGradients(gpt2, texts, question, [out], {
      [out]: (_, ops) => Promise.resolve(ops.upload(activation)),
    })
    logits.push(...found.logits)
    const { data } = found.gradients.get(out)!
    for (const text of texts.keys())
      gradients.push(data.subarray(text * output.data.length, (text + 1) * output.data.length))
  }
  const [whole, , ...onTheWay] = gradients
  const mean = whole.map((_, i) => onTheWay.reduce((sum, gradient) => sum + gradient[i], 0) / steps)
  const sharesBy = async (gradient: Float32Array) =>
    (await saeShares(sae, parts, new Tensor(output.shape, gradient))).features
  const integrated = await sharesBy(mean)
  const sum = integrated.subarray(parts.features.offsets[1]).reduce((total, share) => total + share, 0)
  const completeness = { hook, sum, without_features: logits[0] - logits[1] }
  return { gradient: await sharesBy(whole), integrated, completeness }
}

/** What stands at the hook, its features scaled at all tokens but BOS. */
function withFeatures(sae: Sae, { added }: SaeParts, output: Tensor, scale: number): Tensor {
  const changed = new Tensor(output.shape, output.data.slice())
  const width = sizeOf(output.shape.slice(1))
  for (let token = 1; token < output.shape[0]; token++) {
    const features = directionAt(sae.config, added.row(token), width)
    for (let i = 0; i < width; i++) changed.data[token * width + i] -= (1 - scale) * features[i]
  }
  return changed
}

function stacked(parts: readonly Tensor[]): Tensor {
  const [tokens, ...rest] = parts[0].shape
  const all = Tensor.zeros([parts.length * tokens, ...rest])
  for (const [i, { data }] of parts.entries()) all.data.set(data, i * data.length)
  return all
}

type Tabulated = Omit<FeatureEffect, 'ablation'>

/** Sums over a feature's tokens, BOS left out. shares: one for each entry of the features */
function tabulate(
  hook: string,
  { features }: SaeParts,
  shares: Record<'direct' | 'gradient' | 'integrated', Float64Array>,
): Tabulated[] {
  const rows = new Map<number, { -readonly [Key in keyof Tabulated]: Tabulated[Key] }>()
  for (let position = 1; position < features.shape[0]; position++)
    for (let entry = features.offsets[position]; entry < features.offsets[position + 1]; entry++) {
      const [feature, activation] = [features.indices[entry], features.values[entry]]
      const none = { hook, feature, position, activation: 0, direct: 0, gradient: 0, integrated: 0 }
      const row = rows.get(feature) ?? none
      if (activation > row.activation) Object.assign(row, { position, activation })
      for (const method of ['direct', 'gradient', 'integrated'] as const) row[method] += shares[method][entry]
      rows.set(feature, row)
    }
  return [...rows.values()]
}

/** What the logit loses without each of some features: taken out at all tokens but BOS, and nothing else. */
async function ablate(
  { model: { gpt2 }, ids, question, output }: Text,
  sae: Sae,
  { features, units }: SaeParts,
  logit: number,
  tried: readonly Tabulated[],
  onFeature: () => void,
): Promise<Map<number, number>> {
  const numbers = tried.map(({ feature }) => feature)
  const rows = await decoderRows(sae, numbers)
  const width = sizeOf(output.shape.slice(1))
  const put = (i: number, activation: Float32Array) => {
    activation.set(output.data)
    const direction = directionAt(sae.config, rows.row(i), width)
    for (let token = 1; token < output.shape[0]; token++) {
      const { indices, values } = sparseRow(features, token)
      const entry = indices.indexOf(numbers[i])
      if (entry < 0) continue
      const amount = values[entry] * units[token]
      for (let d = 0; d < width; d++) activation[token * width + d] -= amount * direction[d]
    }
  }
  const interventions = { hook: sae.config.hookNameOut, shape: output.shape, count: tried.length, put }
  const answers = await answersWith(gpt2, ids, question, interventions, (copies) => {
    for (let i = 0; i < copies; i++) onFeature()
  })
  return new Map(answers.map((answer, i) => [numbers[i], logit - answer]))
}
