// One block: attention and MLP, each added to the residual stream.
import type { Backend, DeviceTensor, Linear } from '../engine/backend.ts'
import { attention, type LayerCache } from './attention.ts'
import { mlp } from './mlp.ts'
import { layerNorm } from './norm.ts'
import type { Pass } from './pass.ts'
import { headResults } from './visible-attention.ts'
import type { BlockWeights } from './weights.ts'

/**
 * One transformer block. The residual stream x runs straight through. Attention and MLP each read a
 * normalised copy of it and add their output to it. -> [tokens, dModel]
 */
export async function block(
  ops: Backend,
  x: DeviceTensor, // [tokens, dModel]
  weights: BlockWeights,
  pass: Pass,
  layer: number,
  cache?: LayerCache,
): Promise<DeviceTensor> {
  const { hooks } = pass
  const name = `blocks.${layer}`
  const before = await hooks.at(`${name}.hook_resid_pre`, x, ops) // [tokens, dModel]

  const h = await layerNorm(ops, before, weights.ln_1, pass, `${name}.ln1`) // [tokens, dModel]
  const z = await attention(ops, h, weights.attn, pass, layer, cache) // [tokens, dModel]
  const attended = await attentionOutput(ops, before, z, weights.attn.c_proj, pass, name)
  const middle = await hooks.at(`${name}.hook_resid_mid`, attended, ops) // [tokens, dModel]

  const g = await layerNorm(ops, middle, weights.ln_2, pass, `${name}.ln2`) // [tokens, dModel]
  const hidden = await mlp(ops, g, weights.mlp, pass, `${name}.mlp`) // [tokens, dMlp]
  const after = await addOutput(ops, middle, hidden, weights.mlp.c_proj, pass, `${name}.hook_mlp_out`)
  return hooks.at(`${name}.hook_resid_post`, after, ops) // [tokens, dModel]
}

/** stream + (z W_O + b_O): by addOutput, unless a hook changes what a head adds. */
async function attentionOutput(
  ops: Backend,
  stream: DeviceTensor, // [tokens, dModel]
  z: DeviceTensor, // [tokens, dModel]
  c_proj: Linear,
  pass: Pass,
  name: string, // `blocks.N`
): Promise<DeviceTensor> {
  const changed = pass.hooks.wants(`${name}.attn.hook_result`)
    ? await headResults(ops, z, c_proj, pass, `${name}.attn`)
    : undefined
  if (!changed) return addOutput(ops, stream, z, c_proj, pass, `${name}.hook_attn_out`)
  return ops.add(stream, await pass.hooks.at(`${name}.hook_attn_out`, changed, ops))
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
