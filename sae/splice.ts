// An SAE put into the model: the stream replaced by what the SAE makes of it.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import { Tensor } from '../engine/tensor.ts'
import type { SparseRows } from '../engine/sparse.ts'
import { decode } from './decoder.ts'
import { encode, saeInput } from './encoder.ts'
import { checkHook, type Sae } from './weights.ts'

type FeatureEdit = (features: SparseRows, ops: Backend) => SparseRows | Promise<SparseRows>

/**
 * A hook that replaces the stream by what the SAE makes of it: the reconstruction, plus the mean that was
 * subtracted. `edit` may change the features first, by ops.scaleEntries where gradients are to go through it: an
 * ablation sets one to zero, steering raises it.
 * @throws if the SAE was trained on another hook
 */
export function splice(sae: Sae, hook: string, edit: FeatureEdit = (f) => f) {
  checkHook(sae, hook)
  return async (x: DeviceTensor, ops: Backend): Promise<DeviceTensor> => {
    const mean = await ops.subtract(x, await saeInput(ops, sae, x)) // [tokens, d_in], zero where the basis is not centred
    const rebuilt = await decode(ops, sae, await edit(await encode(ops, sae, x), ops)) // [tokens, d_in]
    return ops.add(rebuilt, mean)
  }
}

/** A hook that replaces the stream by zeros: what is left of the model when this layer says nothing. */
export async function zeroAblate(x: DeviceTensor, ops: Backend): Promise<DeviceTensor> {
  return ops.upload(Tensor.zeros(x.shape))
}
