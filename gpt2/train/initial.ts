// The weights that a training begins with.
import { normal, type Random } from '../../engine/random.ts'
import { sizeOf, Tensor } from '../../engine/tensor.ts'
import type { Gpt2Config } from '../config.ts'
import { allShapes } from '../weights.ts'

/** The standard deviation of GPT-2's first weights: `initializer_range`. */
export const SPREAD = 0.02

/**
 * As GPT-2 begins (Radford et al. 2019): weights normal with a deviation of 0.02, biases 0, norms 1. What adds into the residual
 * stream is smaller by sqrt(2 nLayers), so that the stream does not grow with depth: each layer adds to it twice.
 * -> every tensor of a checkpoint, by name
 */
export function initialWeights(config: Gpt2Config, random: Random): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>()
  for (const [name, shape] of allShapes(config)) {
    const spread = name.endsWith('c_proj.weight') ? SPREAD / Math.sqrt(2 * config.nLayers) : SPREAD
    const isNorm = name.includes('ln_')
    const number = name.endsWith('.bias') ? () => 0 : isNorm ? () => 1 : () => spread * normal(random)
    tensors.set(name, Tensor.of(shape, Float32Array.from({ length: sizeOf(shape) }, number)))
  }
  return tensors
}
