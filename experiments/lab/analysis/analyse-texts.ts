// The post's analysis, from token ids to each layer's findings.
import type { SparseRows } from '../../../engine/sparse.ts'
import { meanFeatures } from '../../../sae/pooling.ts'
import type { OpenModel } from '../models/models.ts'
import { analyseLayer, namedFeatures } from './analyse-layer.ts'
import { meanNorm } from './confound.ts'
import { explainLayers, type ExplainedLayer } from './features/explain-layers.ts'
import { strongestTokens } from './features/strongest-tokens.ts'
import type { Category } from './input.ts'
import type { LayerAnalysis } from './layer-analysis.ts'
import { defaultThreshold, thresholdAt, type ThresholdSpec } from './threshold.ts'

/** One layer's findings, and what they were made from. */
interface LayerResult {
  readonly hook: string
  readonly analysis: LayerAnalysis
  /** Token-mean SAE activations, sparse [texts, d_sae]. */
  readonly means: SparseRows
  /** Mean length of the vectors that the SAE read. */
  readonly streamNorm: number
  /** For each feature, the token on which it fires most. */
  readonly tokens: ReadonlyMap<number, string>
}

/** What is compared, and where. */
export interface AnalysisOptions {
  readonly categories: readonly Category[]
  /** Default: every hook that the model has an SAE for. */
  readonly hooks?: readonly string[]
  /** Above it a feature's token-mean activation counts as firing. A quantile is that of each layer's own means. */
  readonly threshold?: ThresholdSpec
  /** No progress is shown. */
  readonly quiet?: boolean
}

/**
 * Analyses the texts at each hook, and explains the features that the analysis names.
 * @param texts ids with BOS, one row of the analysis each
 * @throws UserError where a quantile is asked for and no feature fires
 */
export async function analyse(
  model: OpenModel,
  texts: readonly (readonly number[])[],
  {
    categories,
    hooks = model.saeHooks,
    threshold = defaultThreshold(model.name),
    quiet = false,
  }: AnalysisOptions,
): Promise<ExplainedLayer<LayerResult>[]> {
  const lengths = texts.map((ids) => ids.length)
  return explainLayers(model, texts, hooks, quiet, ({ hook, layer, sae, stream, features, pieces }) => {
    const means = meanFeatures(features, lengths) // [texts, d_sae]
    const analysis = analyseLayer(means, categories, thresholdAt(hook, threshold, means), layer)
    const streamNorm = meanNorm(stream, lengths, sae.config.centered)
    const tokens = strongestTokens(features, pieces)
    return { result: { hook, analysis, means, streamNorm, tokens }, named: namedFeatures(analysis) }
  })
}
