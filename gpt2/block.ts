// One block: attention and MLP, each added to the residual stream.
import type { Backend, DeviceTensor, Linear } from '../engine/backend.ts'
import { attention, type LayerCache } from './attention.ts'
import { mlp } from './mlp.ts'
import type { Pass } from './pass.ts'
import type { BlockWeights } from './weights.ts'

/**
 * One transformer block. The residual stream x runs straight through; attention and MLP each read a
 * normalised copy of it and add what they have to say. -> [tokens, dModel]
 */
export async function block(
  ops: Backend,
  x: DeviceTensor, // [tokens, dModel]
  weights: BlockWeights,
  pass: Pass,
  layer: number,
  cache?: LayerCache,
): Promise<DeviceTensor> {
  const { config, hooks } = pass
  const name = `blocks.${layer}`
  const before = await hooks.at(`${name}.hook_resid_pre`, x, ops) // [tokens, dModel]

  const h = await ops.layerNorm(before, weights.ln_1, config.eps) // [tokens, dModel]
  const z = await attention(ops, h, weights.attn, pass, layer, cache) // [tokens, dModel]
  const attended = await addOutput(ops, before, z, weights.attn.c_proj, pass, `${name}.hook_attn_out`)
  const middle = await hooks.at(`${name}.hook_resid_mid`, attended, ops) // [tokens, dModel]

  const g = await ops.layerNorm(middle, weights.ln_2, config.eps) // [tokens, dModel]
  const hidden = await mlp(ops, g, weights.mlp, pass, `${name}.mlp`) // [tokens, dMlp]
  const after = await addOutput(ops, middle, hidden, weights.mlp.c_proj, pass, `${name}.hook_mlp_out`)
  return hooks.at(`${name}.hook_resid_post`, after, ops) // [tokens, dModel]
}

/** stream + (input W + b): in one step, unless a hook wants to see what is added. */
async function addOutput(
  ops: Backend,
  stream: DeviceTensor, // [tokens, dModel]
  input: DeviceTensor, // [tokens, in]
  layer: Linear, // [in, dModel]
  { hooks }: Pass,
  name: string,
): Promise<DeviceTensor> {
  if (!hooks.wants(name)) return ops.linear(input, layer, { residual: stream })
  return ops.add(stream, await hooks.at(name, await ops.linear(input, layer), ops))
}
