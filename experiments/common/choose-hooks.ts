import { UserError } from './cli.ts'
import { layerOf } from './hooks.ts'
import type { OpenModel } from './models.ts'

/**
 * The hooks of the layers asked for, in the model's order. Of several SAEs at one layer, the one at its input, as in the
 * post.
 * @param fullSize the layers of a model of 12 that are taken where none are asked for; other models give all
 * @throws UserError if the model has no SAE, or none for a layer asked for
 */
export function chooseHooks(
  model: Pick<OpenModel, 'name' | 'saeHooks'> & { gpt2: { config: { nLayers: number } } },
  layers: readonly number[] | undefined,
  fullSize: readonly number[],
): string[] {
  const hooks = [...Map.groupBy(model.saeHooks, layerOf).values()].map(
    (hooks) => hooks.find((hook) => hook.endsWith('.hook_resid_pre')) ?? hooks[0],
  )
  const there = hooks.map(layerOf)
  if (there.length === 0) throw new UserError(`there are no SAEs beside the model ${model.name}`)
  const isFull = model.gpt2.config.nLayers === 12 && fullSize.every((layer) => there.includes(layer))
  const wanted = layers ?? (isFull ? fullSize : there)
  const missing = wanted.filter((layer) => !there.includes(layer))
  if (missing.length > 0)
    throw new UserError(
      `no SAE for layer ${missing.join(', ')} of ${model.name}; there are layers ${there.join(', ')}`,
    )
  return hooks.filter((hook) => wanted.includes(layerOf(hook)))
}
