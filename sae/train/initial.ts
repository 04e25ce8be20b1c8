// The weights that a training begins with.
import type { Backend } from '../../engine/backend.ts'
import type { Random } from '../../engine/random.ts'
import { Tensor } from '../../engine/tensor.ts'
import { memoryStore } from '../../engine/weights/weights.ts'
import type { SaeConfig } from '../config.ts'
import { loadSae, type Sae } from '../weights.ts'

/** SAELens' decoder_init_norm: directions begin short, so that the first reconstructions are small. */
const DIRECTION_LENGTH = 0.1

/** As SAELens begins: directions at random, all of one length, each read as it is written (W_enc = W_dec^T), biases 0. */
export function initialSae(ops: Backend, config: SaeConfig, random: Random): Promise<Sae> {
  const { dIn, dSae } = config
  const [W_enc, W_dec] = [Tensor.zeros([dIn, dSae]), Tensor.zeros([dSae, dIn])]
  for (let feature = 0; feature < dSae; feature++) {
    const direction = Float64Array.from({ length: dIn }, () => 2 * random.number() - 1)
    const length = Math.hypot(...direction)
    for (let i = 0; i < dIn; i++) {
      const value = (DIRECTION_LENGTH * direction[i]) / length
      W_dec.data[feature * dIn + i] = value
      W_enc.data[i * dSae + feature] = value
    }
  }
  const tensors = { W_enc, b_enc: Tensor.zeros([dSae]), W_dec, b_dec: Tensor.zeros([dIn]) }
  return loadSae(ops, memoryStore('initial weights', new Map(Object.entries(tensors))), config)
}
