// Self-attention of one block.
import type { Backend, DeviceTensor, RowCache } from '../engine/backend.ts'
import type { Pass } from './pass.ts'
import type { BlockWeights } from './weights.ts'

/** Keys and values of one layer's past tokens. */
export interface LayerCache {
  readonly keys: RowCache // [length, dModel]
  readonly values: RowCache // [length, dModel]
}

/**
 * Causal multi-head self-attention (Vaswani et al. 2017): each token asks a question (q), each token up to it
 * offers a key (k) and a value (v); the answer is the values, weighted by how well key meets question.
 * -> z [tokens, dModel], the heads side by side, not yet projected
 */
export async function attention(
  ops: Backend,
  h: DeviceTensor, // [tokens, dModel], normalised
  weights: BlockWeights['attn'],
  { config, hooks, texts }: Pass,
  layer: number,
  cache?: LayerCache,
): Promise<DeviceTensor> {
  const name = `blocks.${layer}.attn`
  const { nHeads } = config
  const scale = scoreScale(config, layer)
  const heads = [h.shape[0], nHeads, config.dHead] // how hooks see q, k, v and z
  const q = await hooks.at(`${name}.hook_q`, await ops.linear(h, weights.q), ops, heads) // [tokens, dModel]
  let k = await hooks.at(`${name}.hook_k`, await ops.linear(h, weights.k), ops, heads) // [tokens, dModel]
  let v = await hooks.at(`${name}.hook_v`, await ops.linear(h, weights.v), ops, heads) // [tokens, dModel]
  if (cache) {
    k = await ops.append(cache.keys, k) // [past + tokens, dModel]
    v = await ops.append(cache.values, v) // [past + tokens, dModel]
  }
  const z = hooks.wants(`${name}.hook_pattern`)
    ? await visibleAttention(ops, q, k, v, { nHeads, scale, hooks, texts, name })
    : await ops.attention(q, k, v, nHeads, texts, scale) // [tokens, dModel]
  return hooks.at(`${name}.hook_z`, z, ops, heads)
}

/** What scores are multiplied by: 1 / sqrt(dHead), so that they do not grow with the width; some configs say otherwise. */
function scoreScale({ dHead, scaledByHead, scaledByLayer }: Pass['config'], layer: number): number {
  return (scaledByHead ? 1 / Math.sqrt(dHead) : 1) / (scaledByLayer ? layer + 1 : 1)
}

/** The same in two steps, with the pattern between them where a hook can see it. */
async function visibleAttention(
  ops: Backend,
  q: DeviceTensor,
  k: DeviceTensor,
  v: DeviceTensor,
  {
    nHeads,
    scale,
    hooks,
    texts,
    name,
  }: Pick<Pass, 'hooks' | 'texts'> & { nHeads: number; scale: number; name: string },
): Promise<DeviceTensor> {
  const pattern = await ops.attentionPattern(q, k, nHeads, texts, scale) // [heads, tokens, keys]
  return ops.attentionMix(await hooks.at(`${name}.hook_pattern`, pattern, ops), v, nHeads, texts)
}
