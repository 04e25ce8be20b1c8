// The embedding of tokens and positions.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import type { Hooks } from './hooks.ts'
import type { Gpt2Weights } from './weights.ts'

/** Where the residual stream begins: each token's vector plus its position's. -> [tokens, dModel] */
export async function embedding(
  ops: Backend,
  ids: readonly number[],
  positions: readonly number[],
  { wte, wpe }: Gpt2Weights,
  hooks: Hooks,
): Promise<DeviceTensor> {
  const token = await hooks.at('hook_embed', await ops.embed(wte, ids), ops) // [tokens, dModel]
  const position = await hooks.at('hook_pos_embed', await ops.embed(wpe, positions), ops) // [tokens, dModel]
  return ops.add(token, position)
}
