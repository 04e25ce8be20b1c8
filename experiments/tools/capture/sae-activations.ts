// What an SAE holds on its way, under SAELens' names.
import type { Backend, DeviceTensor } from '../../../engine/backend.ts'
import { toDense } from '../../../engine/sparse.ts'
import { Tensor } from '../../../engine/tensor.ts'
import { toBasis } from '../../../sae/basis.ts'
import { reconstruct } from '../../../sae/decoder.ts'
import { encode, encoderInput } from '../../../sae/encoder.ts'
import type { Sae } from '../../../sae/weights.ts'

/** HOOK.hook_sae_acts_post is what the SAE of HOOK makes of it: its features. */
export const SAE_HOOKS = [
  'hook_sae_acts_pre',
  'hook_sae_acts_post',
  'hook_sae_recons',
  'hook_sae_error',
] as const
export type SaeHook = (typeof SAE_HOOKS)[number]

/** Tokens that go through the SAE at once. */
const ROWS_AT_ONCE = 512

/** A name's hook of the model, and what is asked of the SAE there; nothing of the SAE if it is a hook of the model itself. */
export function splitName(name: string): { hook: string; saeHook?: SaeHook } {
  const saeHook = SAE_HOOKS.find((one) => name.endsWith(`.${one}`))
  return saeHook ? { hook: name.slice(0, -saeHook.length - 1), saeHook } : { hook: name }
}

/**
 * acts_pre [tokens, d_sae], before the selection (of a gated SAE the magnitudes; TopK that scales by decoder norms has done so),
 * acts_post [tokens, d_sae], recons [tokens, d_out], on the SAE's basis and with normalisation undone, or error, what that
 * misses. x and target: the SAE's hook, and the one it rebuilds, [tokens, ...]
 */
export async function saeActivation(sae: Sae, saeHook: SaeHook, x: Tensor, target: Tensor): Promise<Tensor> {
  const { ops, config } = sae
  const rebuild = async (ops: Backend, x: DeviceTensor) => reconstruct(ops, sae, x, await encode(ops, sae, x))
  const work: Record<SaeHook, (ops: Backend, x: DeviceTensor, target: Tensor) => Promise<DeviceTensor>> = {
    hook_sae_acts_pre: async (ops, x) => ops.preActivations(await encoderInput(ops, sae, x), sae.encoder),
    hook_sae_acts_post: async (ops, x) => ops.upload(toDense(await encode(ops, sae, x))),
    hook_sae_recons: rebuild,
    async hook_sae_error(ops, x, target) {
      const basis = { ...config, dIn: config.dOut }
      const right = await toBasis(ops, basis, config.hookNameOut, ops.upload(target))
      return ops.subtract(right, await rebuild(ops, x))
    },
  }
  const parts: Tensor[] = []
  const [inputs, targets] = [matrix(x), matrix(target)]
  for (let row = 0; row < inputs.shape[0]; row += ROWS_AT_ONCE) {
    const end = Math.min(row + ROWS_AT_ONCE, inputs.shape[0])
    await ops.scope(async (ops) => {
      const made = await work[saeHook](ops, ops.upload(inputs.rows(row, end)), targets.rows(row, end))
      parts.push(await ops.download(made))
    })
  }
  const result = Tensor.zeros([inputs.shape[0], parts[0].shape[1]])
  for (const [i, { data }] of parts.entries()) result.data.set(data, i * ROWS_AT_ONCE * result.shape[1])
  return result
}

/** [tokens, width], whatever the shape at the hook. */
function matrix(x: Tensor): Tensor {
  return x.reshape([x.shape[0], x.data.length / x.shape[0]])
}
