// What can be said about a feature from its activations and its direction.
import type { SparseRows } from '../../../../engine/sparse.ts'
import type { Tensor } from '../../../../engine/tensor.ts'
import { decoderRows } from '../../../../sae/decoder.ts'
import type { Sae } from '../../../../sae/weights.ts'
import { featureColumns, type FeatureColumn } from '../../models/features.ts'
import { layerOf } from '../../models/hooks.ts'
import type { OpenModel } from '../../models/models.ts'
import { activationStatistics } from './activations.ts'
import { correlatedFeatures } from './correlate.ts'
import { logitLens, nearestFeatures, streamDirections, type LogitLens } from './directions.ts'
import type { FeatureDashboard, TokenEffect } from './feature-dashboard.ts'
import { strongestTokens } from './strongest-tokens.ts'

/** How many tokens, and how many related features, are listed. */
const LISTED = 10

/** A feature's dashboard, and its activations at every token, which a report shows. */
export interface ExplainedFeature {
  readonly dashboard: FeatureDashboard
  readonly column: FeatureColumn
}

/** A layer's features of all tokens, sparse [tokens, d_sae]. */
interface LayerFeatures {
  readonly hook: string
  readonly features: SparseRows
}

/**
 * What can be said about some features while their SAE is loaded; the next layer's part is left null.
 * @param pieces for each text one string per token, BOS first
 */
export async function explainFeatures(
  model: Pick<OpenModel, 'name' | 'gpt2' | 'tokenizer'>,
  { hook, sae, features }: LayerFeatures & { sae: Sae },
  wanted: readonly number[],
  pieces: readonly (readonly string[])[],
): Promise<ExplainedFeature[]> {
  if (wanted.length === 0) return []
  const lengths = pieces.map(({ length }) => length)
  const columns = featureColumns(features, lengths, wanted)
  const effects = await tokenEffects(
    model,
    await streamDirections(model.gpt2, sae, await decoderRows(sae, wanted)),
  )
  const nearest = await nearestFeatures(sae, wanted, LISTED)
  const tokens = strongestTokens(features, pieces)
  return wanted.map((feature, i) => {
    const column = columns.get(feature)!
    const dashboard: FeatureDashboard = {
      layer: layerOf(hook),
      hook,
      feature,
      neuronpedia: neuronpediaLink(model.name, hook, feature),
      ...activationStatistics(column, pieces),
      ...effects[i],
      nearest: nearest[i].map((near) => ({ ...near, token: tokens.get(near.feature) ?? null })),
      next_layer: null,
    }
    return { dashboard, column }
  })
}

/** The same, with the features of the next layer that correlate with each. */
export function withNextLayer(
  explained: readonly ExplainedFeature[],
  { hook, features }: LayerFeatures,
  pieces: readonly (readonly string[])[],
): ExplainedFeature[] {
  const tokens = strongestTokens(features, pieces)
  const columns = explained.map(({ column }) => column)
  const correlated = correlatedFeatures(columns, features, LISTED)
  return explained.map(({ dashboard, column }, i) => {
    const named = correlated[i].map((one) => ({ ...one, token: tokens.get(one.feature)! }))
    const next_layer = { layer: layerOf(hook), hook, features: named }
    return { dashboard: { ...dashboard, next_layer }, column }
  })
}

/** The dashboard of a layer's features for a file that holds many: without the list of every text in which each fires. */
export function briefDashboards(
  explained: readonly ExplainedFeature[],
): Omit<FeatureDashboard, 'firing_texts'>[] {
  return explained.map(({ dashboard: { firing_texts: _, ...brief } }) => brief)
}

/** What each direction promotes and suppresses, with the tokens' names. directions [features, dModel] */
async function tokenEffects(
  { gpt2, tokenizer }: Pick<OpenModel, 'gpt2' | 'tokenizer'>,
  directions: Tensor,
): Promise<Pick<FeatureDashboard, 'promoted' | 'suppressed'>[]> {
  const named = (tokens: LogitLens['promoted']): TokenEffect[] =>
    tokens.map(({ id, logit }) => ({ id, token: tokenizer.pieces([id])[0], logit }))
  const lenses = await logitLens(gpt2, directions, LISTED)
  return lenses.map(({ promoted, suppressed }) => ({
    promoted: named(promoted),
    suppressed: named(suppressed),
  }))
}

/** The page of a public feature of GPT-2 small at Neuronpedia, which numbers layers as `layerOf` does. */
function neuronpediaLink(model: string, hook: string, feature: number): string | null {
  return model === 'gpt2' && hook.includes('hook_resid_')
    ? `https://www.neuronpedia.org/gpt2-small/${layerOf(hook)}-res-jb/${feature}`
    : null
}
