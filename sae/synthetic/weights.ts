// SAEs of the public ones' size with weights from a formula.
import { hashedSource, type Uniform } from '../../engine/weights/hashed.ts'
import type { WeightStore } from '../../engine/weights/weights.ts'
import { plainConfig, type SaeConfig } from '../config.ts'
import { saeShapes } from '../weights.ts'

/**
 * The mean of b_enc in each layer, chosen so that the number of active features falls with depth as the stream grows. The last
 * one, for the stream after the last block, is not in the float64 reference.
 */
const encoderBias = [-0.3, -5.3, -7.5, -9.3, -10.6, -12.0, -13.2, -14.2, -15.2, -16.3, -16.8, -17.7, -18.4]

/** The layers that have a synthetic SAE: 12 is the stream after the last block. */
export const syntheticSaeLayers: readonly number[] = [...encoderBias.keys()]

/** The config of the synthetic SAE of one layer of GPT-2 small's stream, as wide as the first public ones unless another width is asked for. */
export function syntheticSaeConfig(layer: number, dSae = 24576): SaeConfig {
  if (!Number.isInteger(layer) || layer < 0 || layer >= encoderBias.length)
    throw new Error(`synthetic SAE: layer ${layer} is not in 0..${encoderBias.length - 1}`)
  const hookName = layer < 12 ? `blocks.${layer}.hook_resid_pre` : 'blocks.11.hook_resid_post'
  return plainConfig({ dIn: 768, dSae, hookName, centered: true, modelName: 'synthetic' })
}

/** Its weights, from a formula; see gpt2/synthetic/weights.ts. */
export function syntheticSaeWeights(layer: number, dSae?: number): WeightStore {
  const shapes = saeShapes(syntheticSaeConfig(layer, dSae))
  const label = `synthetic SAE ${layer}`
  const distributions: Record<string, Omit<Uniform, 'shape'>> = {
    W_enc: { mean: 0, scale: 0.05 },
    W_dec: { mean: 0, scale: 0.05 },
    b_enc: { mean: encoderBias[layer], scale: 0.5 },
    b_dec: { mean: 0, scale: 0.1 },
  }
  return {
    label,
    names: () => [...shapes.keys()],
    get(name) {
      const shape = shapes.get(name)
      if (!shape) throw new Error(`${label}: there is no tensor "${name}"`)
      return { ...hashedSource(`sae.${layer}.${name}`, { shape, ...distributions[name] }), name }
    },
    close: async () => {},
  }
}
