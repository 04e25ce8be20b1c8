import { setImmediate } from 'node:timers/promises'
import type { Sae } from '../../sae/weights.ts'
import { UserError } from '../lab/cli/cli.ts'
import { captureStreams, encodeStream } from '../lab/models/features.ts'
import { piecesOf, withSae, type OpenModel } from '../lab/models/models.ts'
import { createProgress } from '../lab/cli/progress.ts'
import { explainFeatures, withNextLayer, type ExplainedFeature } from '../lab/analysis/features/explain.ts'

/** Some features of one SAE, and the layer that follows it, if one has an SAE. */
export interface Asked {
  readonly hook: string
  readonly next?: string
  readonly features: readonly number[]
}

/**
 * All that can be said of some features of one SAE: one forward pass for it and the next layer's, each SAE loaded once.
 * @param texts ids with BOS
 * @throws UserError for a feature that the SAE does not have
 */
export async function explainFromTexts(
  model: OpenModel,
  texts: readonly (readonly number[])[],
  { hook, next, features }: Asked,
  quiet: boolean,
): Promise<ExplainedFeature[]> {
  checkFeatures(features, hook, model.saeConfig(hook).dSae)
  const hooks = next === undefined ? [hook] : [hook, next]
  const streams = await (async () => {
    using progress = createProgress({ label: 'forward pass', total: texts.length, unit: 'texts', quiet })
    return captureStreams(model.gpt2, texts, hooks, (done) => progress.update(done))
  })()
  using progress = createProgress({ label: 'features', total: hooks.length, unit: 'layers', quiet })
  const pieces = texts.map((ids) => piecesOf(model, ids))
  const encoded = (sae: Sae, hook: string) => encodeStream(sae.ops, sae, streams.get(hook)!)
  const explained = await withSae(model, hook, async (sae) =>
    explainFeatures(model, { hook, sae, features: await encoded(sae, hook) }, features, pieces),
  )
  progress.step()
  await setImmediate() // Ctrl-C is heard between layers
  if (next === undefined) return explained
  const following = await withSae(model, next, (sae) => encoded(sae, next)) // sparse [tokens, d_sae]
  progress.step()
  return withNextLayer(explained, next, following)
}

function checkFeatures(features: readonly number[], hook: string, dSae: number): void {
  const missing = features.find((feature) => feature >= dSae)
  if (missing !== undefined)
    throw new UserError(`there is no feature ${missing}: the SAE of ${hook} has features 0..${dSae - 1}`)
}
