// What the features of an SAE contribute directly to a logit, from a text's last token.
import { Tensor } from '../../../../engine/tensor.ts'
import { checkedSum, readThrough, shareOf, type LogitReader } from '../../../../gpt2/attribution.ts'
import type { Gpt2 } from '../../../../gpt2/model.ts'
import { saeShares, type SaeParts } from '../../../../sae/attribution.ts'
import { siteOf } from '../../../../sae/sites.ts'
import type { Sae } from '../../../../sae/weights.ts'

/** The activation at an SAE's hook at the last token, in parts that add up to its share of the logit. */
export interface SaeShare {
  readonly hook: string
  readonly features: number
  readonly bias: number
  readonly error: number
  readonly sum: number
}

/**
 * Through the frozen LayerNorm, from the last token; of heads, through c_proj first. output: the activation at the hook that the
 * SAE rebuilds, [tokens, ...]. -> one share for each entry of the features, 0 before the last token; and their sums
 * @throws if the parts do not add up to the hook's share, or the backend has no backward rules
 */
export async function directShares(
  { ops, weights }: Pick<Gpt2, 'ops' | 'weights'>,
  sae: Sae,
  parts: SaeParts,
  output: Tensor,
  reader: LogitReader,
): Promise<{ shares: Float64Array; share: SaeShare }> {
  const { hookName, hookNameOut, headIndex } = sae.config
  const { layer, holds } = siteOf(hookNameOut)!
  const read =
    holds === 'heads' ? await readThrough(ops, reader, weights.blocks[layer].attn.c_proj) : reader.direction
  const gradient = Tensor.zeros(output.shape)
  const start = gradient.data.length - read.length
  gradient.data.set(read, start)
  const { features: shares, bias, error } = await saeShares(sae, parts, gradient)
  const last = output.shape[0] - 1
  const own = shares.subarray(parts.features.offsets[last])
  const there = output.data.subarray(start)
  const [from, to] =
    headIndex === undefined
      ? [0, read.length]
      : [headIndex, headIndex + 1].map((head) => head * sae.config.dOut)
  const whole = shareOf({ direction: Float64Array.from(read.subarray(from, to)) }, there.subarray(from, to))
  const sum = checkedSum([...own, bias[last], error[last]], whole, `the share of ${hookNameOut}`)
  const features = own.reduce((total, share) => total + share, 0)
  return { shares, share: { hook: hookName, features, bias: bias[last], error: error[last], sum } }
}
