// Some features of one SAE, explained from texts.
import { UserError } from '../lab/cli/user-error.ts'
import type { OpenModel } from '../lab/models/models.ts'
import type { ExplainedFeature } from '../lab/analysis/features/explain.ts'
import { explainLayers } from '../lab/analysis/features/explain-layers.ts'

/**
 * All that can be said of some features of one SAE.
 * @param texts ids with BOS
 * @param hooks the SAE's, then that of the next layer that has one, if any
 * @throws UserError for a feature that the SAE does not have
 */
export async function explainFromTexts(
  model: OpenModel,
  texts: readonly (readonly number[])[],
  hooks: readonly string[],
  features: readonly number[],
  quiet: boolean,
): Promise<readonly ExplainedFeature[]> {
  const [own] = hooks
  const { dSae } = model.saeConfig(own)
  const missing = features.find((feature) => feature >= dSae)
  if (missing !== undefined)
    throw new UserError(`there is no feature ${missing}: the SAE of ${own} has features 0..${dSae - 1}`)
  const [{ explained }] = await explainLayers(model, texts, hooks, quiet, ({ hook }) => ({
    result: null,
    named: hook === own ? features : [],
  }))
  return explained
}
