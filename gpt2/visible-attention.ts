// Attention in steps, where hooks see them: scores, pattern, and what each head writes.
import type { Backend, DeviceTensor, Linear } from '../engine/backend.ts'
import { Tensor } from '../engine/tensor.ts'
import type { Pass } from './pass.ts'

/**
 * The pattern [heads, tokens, keys], by way of the scores if a hook wants to see them: q k^T times the scale, -infinity where a
 * query may not look. q [tokens, dModel], k [keys, dModel]
 */
export async function attentionPattern(
  ops: Backend,
  q: DeviceTensor,
  k: DeviceTensor,
  { config, hooks, texts }: Pass,
  { name, scale }: { name: string; scale: number }, // `blocks.N.attn`
): Promise<DeviceTensor> {
  const { nHeads } = config
  const pattern = await ops.attentionPattern(q, k, nHeads, texts, scale)
  if (!hooks.wants(`${name}.hook_attn_scores`)) return pattern
  const scores = scoresOf(await ops.download(q), await ops.download(k), { nHeads, scale, texts })
  const seen = await hooks.seen(`${name}.hook_attn_scores`, scores, ops)
  if (seen === scores) return pattern // looking changes no bit
  const [heads, tokens, keys] = seen.shape
  return ops.reshape(await ops.softmax(ops.upload(seen.reshape([heads * tokens, keys]))), seen.shape)
}

function scoresOf(
  q: Tensor,
  k: Tensor,
  { nHeads: heads, scale, texts }: { nHeads: number; scale: number; texts: Pass['texts'] },
): Tensor {
  const [tokens, width] = q.shape
  const dHead = width / heads
  const longest = Math.max(...texts.map(({ keys }) => keys))
  const scores = new Float32Array(heads * tokens * longest).fill(-Infinity)
  let [query, firstKey] = [0, 0]
  for (const text of texts) {
    for (let i = 0; i < text.queries; i++, query++)
      for (let key = 0; key <= text.keys - text.queries + i; key++)
        for (let head = 0; head < heads; head++) {
          const at = head * dHead
          const [a, b] = [q.row(query), k.row(firstKey + key)]
          let sum = 0
          for (let d = at; d < at + dHead; d++) sum += a[d] * b[d]
          scores[(head * tokens + query) * longest + key] = sum * scale
        }
    firstKey += text.keys
  }
  return new Tensor([heads, tokens, longest], scores)
}

/**
 * What each head adds to the stream, [tokens, heads, dModel]: its z through its rows of W_O. The layer's bias is added to their
 * sum. -> attention's output [tokens, dModel], or nothing if no hook changed what a head adds
 */
export async function headResults(
  ops: Backend,
  z: DeviceTensor, // [tokens, dModel]
  c_proj: Linear,
  { config: { nHeads, dHead, dModel }, hooks }: Pass,
  name: string, // `blocks.N.attn`
): Promise<DeviceTensor | undefined> {
  const mixed = await ops.download(z)
  const [tokens] = mixed.shape
  const alone = Tensor.zeros([tokens * nHeads + 1, dModel]) // each head by itself, and none of them: the bias
  for (let t = 0; t < tokens; t++)
    for (let head = 0; head < nHeads; head++) {
      const [from, to] = [head * dHead, (head + 1) * dHead]
      alone.row(t * nHeads + head).set(mixed.row(t).subarray(from, to), from)
    }
  const written = await ops.download(await ops.linear(ops.upload(alone), c_proj))
  const bias = written.row(tokens * nHeads)
  const without = written.rows(0, tokens * nHeads)
  const results = new Tensor(
    [tokens, nHeads, dModel],
    without.data.map((value, i) => value - bias[i % dModel]),
  )
  const seen = await hooks.seen(`${name}.hook_result`, results, ops)
  if (seen === results) return undefined
  const sum = Tensor.zeros([tokens, dModel])
  for (let t = 0; t < tokens; t++)
    for (let i = 0; i < dModel; i++) {
      let total = bias[i]
      for (let head = 0; head < nHeads; head++) total += seen.data[(t * nHeads + head) * dModel + i]
      sum.row(t)[i] = total
    }
  return ops.upload(sum)
}
