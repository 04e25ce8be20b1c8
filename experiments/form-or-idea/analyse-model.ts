import { setImmediate } from 'node:timers/promises'
import type { SparseRows } from '../../engine/sparse.ts'
import { releaseSae } from '../../sae/weights.ts'
import { resolveThreshold, type ThresholdSpec } from '../lab/analysis/threshold.ts'
import { UserError } from '../lab/cli/cli.ts'
import { captureStreams, encodeStream } from '../lab/models/features.ts'
import { layerOf } from '../lab/models/hooks.ts'
import type { OpenModel } from '../lab/models/models.ts'
import { createProgress } from '../lab/cli/progress.ts'
import { explainFeatures, withNextLayer, type ExplainedFeature } from '../lab/analysis/features/explain.ts'
import { analyseLayer, type Settings } from './analysis.ts'
import type { Design } from './design.ts'
import type { LayerResult } from './layer-result.ts'
import { wholeSpecialists } from './specialists.ts'
import { tokenKinds } from './token-kinds.ts'

/** The design's texts as a model reads them. */
export interface ReadTexts {
  /** With BOS. */
  readonly ids: readonly (readonly number[])[]
  /** Each text's tokens as strings, BOS first. */
  readonly pieces: readonly (readonly string[])[]
}

/** A layer's figures, and what its specialists of whole topics and forms stand for. */
export interface AnalysedLayer {
  readonly result: LayerResult
  readonly explained: readonly ExplainedFeature[]
}

/** From token ids to figures: one forward pass for all SAEs, then an SAE at a time. */
export async function analyseModel(
  model: OpenModel,
  { ids, pieces }: ReadTexts,
  hooks: readonly string[],
  design: Design,
  settings: Settings & { threshold: ThresholdSpec; quiet: boolean },
): Promise<AnalysedLayer[]> {
  const { quiet } = settings
  const streams = await (async () => {
    using progress = createProgress({ label: 'forward pass', total: ids.length, unit: 'texts', quiet })
    return captureStreams(model.gpt2, ids, hooks, (done) => progress.update(done))
  })()
  using progress = createProgress({ label: 'features', total: hooks.length, unit: 'layers', quiet })
  const kinds = pieces.map(tokenKinds)
  const layers: AnalysedLayer[] = []
  for (const hook of hooks) {
    const sae = await model.openSae(hook)
    const features = await encodeStream(model.gpt2.ops, sae, streams.get(hook)!) // [tokens, d_sae]
    const result = figuresAt(hook, { features, kinds }, design, settings)
    const named = [...new Set(wholeSpecialists(result.specialists).map(({ feature }) => feature))]
    const explained = await explainFeatures(model, { hook, sae, features }, named, pieces)
    releaseSae(sae)
    const before = layers.pop()
    if (before) layers.push({ ...before, explained: withNextLayer(before.explained, hook, features) })
    layers.push({ result, explained })
    progress.step()
    await setImmediate() // Ctrl-C is heard between layers
  }
  return layers
}

/** @throws UserError naming the hook where a quantile is asked for and no feature fires */
function figuresAt(
  hook: string,
  input: { features: SparseRows; kinds: ReturnType<typeof tokenKinds>[] },
  design: Design,
  { threshold, ...settings }: Settings & { threshold: ThresholdSpec },
): LayerResult {
  const thresholdOf = (means: SparseRows): number => resolveThreshold(threshold, means)
  try {
    return analyseLayer({ layer: layerOf(hook), ...input, thresholdOf }, design, settings)
  } catch (error) {
    throw new UserError(`${hook}: ${(error as Error).message}`, { cause: error })
  }
}
