import { setImmediate } from 'node:timers/promises'
import type { SparseRows } from '../../../engine/sparse.ts'
import { meanFeatures } from '../../../sae/pooling.ts'
import { releaseSae } from '../../../sae/weights.ts'
import { UserError } from '../cli/cli.ts'
import { captureStreams, encodeStream } from '../models/features.ts'
import { layerOf } from '../models/hooks.ts'
import { piecesOf, type OpenModel } from '../models/models.ts'
import { createProgress } from '../cli/progress.ts'
import { explainFeatures, withNextLayer, type ExplainedFeature } from './features/explain.ts'
import { analyseLayer } from './analyse-layer.ts'
import { meanNorm } from './confound.ts'
import type { Category } from './input.ts'
import { highlightedFeatures } from '../../black-box/report-features.ts'
import type { LayerAnalysis } from './layer-analysis.ts'
import { resolveThreshold, type ThresholdSpec } from './threshold.ts'

/** One layer's findings, and what the features that they name stand for. */
export interface LayerResult {
  readonly hook: string
  readonly analysis: LayerAnalysis
  /** Token-mean SAE activations, sparse [texts, d_sae]. */
  readonly means: SparseRows
  /** Mean length of the vectors that the SAE read. */
  readonly streamNorm: number
  /** The features that the analysis names. */
  readonly explained: readonly ExplainedFeature[]
}

/**
 * From token ids to findings: one forward pass for all SAEs, then an SAE at a time. A quantile as threshold is
 * taken of each layer's own token-mean activations.
 * @param texts ids with BOS, a row of the analysis each
 */
export async function analyseTexts(
  model: OpenModel,
  texts: readonly (readonly number[])[],
  categories: readonly Category[],
  hooks: readonly string[],
  threshold: ThresholdSpec,
  quiet: boolean,
): Promise<LayerResult[]> {
  const lengths = texts.map((ids) => ids.length)
  const pieces = texts.map((ids) => piecesOf(model, ids))
  const streams = await (async () => {
    using progress = createProgress({ label: 'forward pass', total: texts.length, unit: 'texts', quiet })
    return captureStreams(model.gpt2, texts, hooks, (done) => progress.update(done))
  })()
  using progress = createProgress({ label: 'features', total: hooks.length, unit: 'layers', quiet })
  const results: LayerResult[] = []
  for (const [i, hook] of hooks.entries()) {
    const sae = await model.openSae(hook)
    const next = i + 1 < hooks.length ? model.readAheadSae(hooks[i + 1]) : undefined
    const features = await encodeStream(model.gpt2.ops, sae, streams.get(hook)!) // [tokens, d_sae]
    const means = meanFeatures(features, lengths) // [texts, d_sae]
    const analysis = analyseLayer(means, categories, thresholdAt(hook, threshold, means), layerOf(hook))
    const streamNorm = meanNorm(streams.get(hook)!, lengths, sae.config.centered)
    const named = highlightedFeatures(analysis)
    const explained = await explainFeatures(model, { hook, sae, features }, named, pieces)
    releaseSae(sae)
    const before = results.pop()
    if (before) results.push({ ...before, explained: withNextLayer(before.explained, hook, features) })
    results.push({ hook, analysis, means, streamNorm, explained })
    await next
    progress.step()
    await setImmediate() // Ctrl-C is heard between layers
  }
  return results
}

/** @throws UserError naming the hook where a quantile is asked for and no feature fires */
function thresholdAt(hook: string, threshold: ThresholdSpec, means: SparseRows): number {
  try {
    return resolveThreshold(threshold, means)
  } catch (error) {
    throw new UserError(`${hook}: ${(error as Error).message}`, { cause: error })
  }
}
