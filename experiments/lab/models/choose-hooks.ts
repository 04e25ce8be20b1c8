// Which hooks an experiment reads, among those that have an SAE.
import { UserError } from '../cli/user-error.ts'
import { layerOf } from './hooks.ts'
import type { OpenModel } from './models.ts'

type WithSaes = Pick<OpenModel, 'name' | 'saeHooks'>

/**
 * The hooks of the layers asked for, in the model's order. Of several SAEs at one layer, the one at its input, as in the
 * post.
 * @throws UserError if the model has no SAE, or none for a layer asked for
 */
export function chooseHooks(model: WithSaes, layers: readonly number[]): string[] {
  const hooks = hookOfEachLayer(model)
  const there = hooks.map(layerOf)
  if (there.length === 0) throw new UserError(`the model ${model.name} has no SAEs`)
  const missing = layers.filter((layer) => !there.includes(layer))
  if (missing.length > 0)
    throw new UserError(
      `no SAE for layer ${missing.join(', ')} of ${model.name}; it has SAEs for layers ${there.join(', ')}`,
    )
  return hooks.filter((hook) => layers.includes(layerOf(hook)))
}

/** All layers with an SAE; for a model of 12 layers, those of `fullSize` that have one. */
export function usualLayers(
  model: WithSaes & { gpt2: { config: { nLayers: number } } },
  fullSize: readonly number[],
): readonly number[] {
  const there = hookOfEachLayer(model).map(layerOf)
  const isFull = model.gpt2.config.nLayers === 12 && fullSize.every((layer) => there.includes(layer))
  return isFull ? fullSize : there
}

/** Three of the layers with an SAE, spread over the model, the last among them. */
export function threeLayers(model: WithSaes): number[] {
  const there = hookOfEachLayer(model).map(layerOf)
  return there.length === 0 ? [] : [1, 2, 3].map((third) => there[Math.ceil((third * there.length) / 3) - 1])
}

/** The hook of the next layer after `hook` that has an SAE. */
export function nextHook(model: WithSaes, hook: string): string | undefined {
  const hooks = hookOfEachLayer(model)
  return hooks[hooks.indexOf(hook) + 1]
}

/** Of several SAEs at one layer, the one at its input. */
export function hookOfEachLayer({ saeHooks }: WithSaes): string[] {
  return [...Map.groupBy(saeHooks, layerOf).values()].map(
    (hooks) => hooks.find((hook) => hook.endsWith('.hook_resid_pre')) ?? hooks[0],
  )
}
