import { setImmediate } from 'node:timers/promises'
import type { Tensor } from '../../engine/tensor.ts'
import { releaseSae, type Sae } from '../../sae/weights.ts'
import { UserError } from '../common/cli.ts'
import { captureStreams, encodeStream } from '../common/features.ts'
import { layerOf } from '../common/hooks.ts'
import { piecesOf, type OpenModel } from '../common/models.ts'
import { createProgress } from '../common/progress.ts'
import { activationFigures, featureColumn, type FeatureColumn } from './activations.ts'
import { correlatedFeatures } from './correlate.ts'
import { decoderRows, logitLens, nearestFeatures, type LogitLens } from './directions.ts'
import type { FeatureFigures, TokenEffect } from './results.ts'

/** How many tokens, and how many related features, are listed. */
const LISTED = 10

/** A feature's figures, and its activations at every token, which the report shows. */
export interface ExplainedFeature {
  readonly figures: FeatureFigures
  readonly column: FeatureColumn
}

/** The hook of the layer asked for and the next one that has an SAE; of several at one layer, the one at its input. */
export function hookAndNext(saeHooks: readonly string[], layer: number): { hook: string; next?: string } {
  const byLayer = Map.groupBy(saeHooks, layerOf)
  const layers = [...byLayer.keys()].sort((a, b) => a - b)
  const at = (layer: number): string => {
    const hooks = byLayer.get(layer)!
    return hooks.find((hook) => hook.endsWith('.hook_resid_pre')) ?? hooks[0]
  }
  if (!byLayer.has(layer))
    throw new UserError(`there is no SAE for layer ${layer}; there are layers ${layers.join(', ') || 'none'}`)
  const following = layers.find((other) => other > layer)
  return { hook: at(layer), next: following === undefined ? undefined : at(following) }
}

/**
 * All that can be said of some features of one SAE: one forward pass for it and the next layer's, each SAE loaded once.
 * @param texts ids with BOS
 * @throws UserError for a feature that the SAE does not have
 */
export async function explainFeatures(
  model: OpenModel,
  texts: readonly (readonly number[])[],
  { hook, next }: { hook: string; next?: string },
  features: readonly number[],
  quiet: boolean,
): Promise<ExplainedFeature[]> {
  checkFeatures(features, hook, model.saeConfig(hook).dSae)
  const hooks = next === undefined ? [hook] : [hook, next]
  const streams = await (async () => {
    using progress = createProgress({ label: 'forward pass', total: texts.length, unit: 'texts', quiet })
    return captureStreams(model.gpt2, texts, hooks, (done) => progress.update(done))
  })()
  using progress = createProgress({ label: 'features', total: hooks.length, unit: 'layers', quiet })
  const own = await withSae(model, hook, async (sae) => ({
    activations: await encodeStream(sae.ops, sae, hook, streams.get(hook)!), // sparse [tokens, d_sae]
    effects: await tokenEffects(model, await decoderRows(sae, features)),
    nearest: await nearestFeatures(sae, features, LISTED),
  }))
  progress.step()
  await setImmediate() // Ctrl-C is heard between layers
  const following =
    next && (await withSae(model, next, (sae) => encodeStream(sae.ops, sae, next, streams.get(next)!)))
  progress.step()
  const lengths = texts.map((ids) => ids.length)
  const pieces = texts.map((ids) => piecesOf(model, ids))
  return features.map((feature, i) => {
    const column = featureColumn(own.activations, lengths, feature)
    const figures: FeatureFigures = {
      layer: layerOf(hook),
      hook,
      feature,
      neuronpedia: neuronpediaLink(model.name, hook, feature),
      ...activationFigures(column, pieces),
      ...own.effects[i],
      nearest: own.nearest[i],
      next_layer:
        next && following
          ? { layer: layerOf(next), hook: next, features: correlatedFeatures(column, following, LISTED) }
          : null,
    }
    return { figures, column }
  })
}

function checkFeatures(features: readonly number[], hook: string, dSae: number): void {
  const missing = features.find((feature) => feature >= dSae)
  if (missing !== undefined)
    throw new UserError(`there is no feature ${missing}: the SAE of ${hook} has features 0..${dSae - 1}`)
}

async function withSae<T>(model: OpenModel, hook: string, work: (sae: Sae) => Promise<T>): Promise<T> {
  const sae = await model.openSae(hook)
  try {
    return await work(sae)
  } finally {
    releaseSae(sae)
  }
}

/** What each direction promotes and suppresses, with the tokens' names. directions [features, d_in] */
async function tokenEffects(
  { gpt2, tokenizer }: OpenModel,
  directions: Tensor,
): Promise<Pick<FeatureFigures, 'promoted' | 'suppressed'>[]> {
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
  return model === 'gpt2' ? `https://www.neuronpedia.org/gpt2-small/${layerOf(hook)}-res-jb/${feature}` : null
}
