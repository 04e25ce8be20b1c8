// The MLP of one block.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import type { Pass } from './pass.ts'
import type { BlockWeights } from './weights.ts'

/** The MLP's hidden layer: four times as wide as the stream, passed through GELU unless the config says otherwise. -> [tokens, dMlp] */
export async function mlp(
  ops: Backend,
  h: DeviceTensor, // [tokens, dModel], normalised
  { c_fc }: BlockWeights['mlp'],
  { config, hooks }: Pass,
  name: string, // `blocks.N.mlp`
): Promise<DeviceTensor> {
  const { activation } = config
  const post = hooks.wants(`${name}.hook_pre`)
    ? await ops[activation](await hooks.at(`${name}.hook_pre`, await ops.linear(h, c_fc), ops))
    : await ops.linear(h, c_fc, { activation }) // [tokens, dMlp], both steps in one
  return hooks.at(`${name}.hook_post`, post, ops)
}
