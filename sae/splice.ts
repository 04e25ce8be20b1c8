// An SAE put into the model: the activation at its hook is replaced by the SAE's reconstruction of it.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import { sizeOf, Tensor } from '../engine/tensor.ts'
import type { SparseRows } from '../engine/sparse.ts'
import { fromBasis } from './basis.ts'
import type { SaeConfig } from './config.ts'
import { reconstruct } from './decoder.ts'
import { encode } from './encoder.ts'
import { checkHook, type Sae } from './weights.ts'

/** Hooks by name. Each is given the activation there, and returns what replaces it, or nothing. */
export type SaeHooks = Readonly<
  Record<string, (x: DeviceTensor, ops: Backend) => Promise<DeviceTensor | void>>
>

type FeatureEdit = (features: SparseRows, ops: Backend) => SparseRows | Promise<SparseRows>

/**
 * Hooks that replace the activation at the SAE's hook by its reconstruction; for a transcoder, the activation at its other hook.
 * `edit` may change the features first: an ablation sets one to zero, steering raises it. Where gradients are to flow through
 * the edit, it must use ops.scaleEntries.
 * @throws if the SAE was trained on another hook
 */
export function splice(sae: Sae, hook: string, edit: FeatureEdit = (f) => f): SaeHooks {
  checkHook(sae, hook)
  const { config } = sae
  const rebuild = async (ops: Backend, x: DeviceTensor) =>
    reconstruct(ops, sae, x, await edit(await encode(ops, sae, x), ops))
  if (config.hookNameOut === hook)
    return { [hook]: async (x, ops) => fromBasis(ops, config, hook, x, await rebuild(ops, x)) }
  let rebuilt: Tensor // a hook's tensors are gone when the next one is reached
  return {
    [hook]: async (x, ops) => void (rebuilt = await ops.download(await rebuild(ops, x))),
    [config.hookNameOut]: async (x, ops) =>
      fromBasis(ops, config, config.hookNameOut, x, ops.upload(rebuilt)),
  }
}

/** A hook that replaces its activation by zeros, to see what the model does without it. any shape -> the same shape */
export async function zeroAblate(x: DeviceTensor, ops: Backend): Promise<DeviceTensor> {
  return ops.upload(Tensor.zeros(x.shape))
}

/**
 * A hook that puts the same numbers, at every token, in place of what an SAE rebuilds; for an SAE of one head, in that head's place
 * alone. row [d_out], at the hook `hookNameOut`: any shape -> the same shape
 */
export function replaceBy({ headIndex = 0 }: SaeConfig, row: Float32Array): SaeHooks[string] {
  return async (x, ops) => {
    const { shape, data } = await ops.download(x)
    const width = sizeOf(shape.slice(1))
    const replaced = data.slice()
    for (let start = headIndex * row.length; start < data.length; start += width) replaced.set(row, start)
    return ops.upload(new Tensor(shape, replaced))
  }
}
