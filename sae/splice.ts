// Putting the SAE's reconstruction in the stream's place.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import { Tensor } from '../engine/tensor.ts'
import type { SparseRows } from '../engine/sparse.ts'
import { decode } from './decoder.ts'
import { encode, saeInput } from './encoder.ts'
import type { Sae } from './weights.ts'

/**
 * A hook that replaces the stream by what the SAE makes of it: the reconstruction, plus the mean that was
 * subtracted. `edit` may change the features first: an ablation sets one to zero, steering raises it.
 */
export function splice(sae: Sae, hook: string, edit: (features: SparseRows) => SparseRows = (f) => f) {
  return async (x: DeviceTensor, ops: Backend): Promise<DeviceTensor> => {
    const input = await saeInput(ops, sae, hook, x) // [tokens, d_in]
    const mean = await ops.subtract(x, input) // [tokens, d_in], zero where the basis is not centred
    const rebuilt = await decode(ops, sae, edit(await encode(ops, sae, input))) // [tokens, d_in]
    return ops.add(rebuilt, mean)
  }
}

/** A hook that replaces the stream by zeros: what is left of the model when this layer says nothing. */
export async function zeroAblate(x: DeviceTensor, ops: Backend): Promise<DeviceTensor> {
  return ops.upload(Tensor.zeros(x.shape))
}
