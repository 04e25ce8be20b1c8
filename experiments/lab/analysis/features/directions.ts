// What a feature's decoder direction says by itself, independent of any text.
import type { Backend, DeviceTensor } from '../../../../engine/backend.ts'
import { Tensor } from '../../../../engine/tensor.ts'
import type { Gpt2 } from '../../../../gpt2/model.ts'
import { decoderRows } from '../../../../sae/decoder.ts'
import { directionAt } from '../../../../sae/edit.ts'
import { siteOf } from '../../../../sae/sites.ts'
import type { Sae } from '../../../../sae/weights.ts'
import type { NearFeature } from './feature-dashboard.ts'

const ROWS_AT_ONCE = 1024

/**
 * The features of the same SAE whose decoder rows point most nearly the same way, by cosine similarity; a row of
 * zeros points nowhere and is left out. -> a list for each of `features`, nearest first; the caller fills in its tokens
 */
export async function nearestFeatures(
  sae: Sae,
  features: readonly number[],
  count: number,
): Promise<Omit<NearFeature, 'token'>[][]> {
  const { dSae } = sae.config
  const own = await decoderRows(sae, features)
  const ownNorms = features.map((_, i) => Math.sqrt(dot(own.row(i), own.row(i))))
  const near: Omit<NearFeature, 'token'>[][] = features.map(() => [])
  for (let first = 0; first < dSae; first += ROWS_AT_ONCE) {
    const ids = Array.from({ length: Math.min(ROWS_AT_ONCE, dSae - first) }, (_, i) => first + i)
    const rows = await decoderRows(sae, ids) // [ids, d_out]
    for (const [r, feature] of ids.entries()) {
      const row = rows.row(r)
      const norm = Math.sqrt(dot(row, row))
      for (const [i, other] of features.entries())
        if (feature !== other && norm * ownNorms[i] > 0)
          near[i].push({ feature, cosine: dot(row, own.row(i)) / (norm * ownNorms[i]) })
    }
    for (const list of near) list.sort((a, b) => b.cosine - a.cosine || a.feature - b.feature).splice(count)
  }
  return near
}

/**
 * Decoder rows as directions in the stream. What attention heads make goes through W_O first (c_proj, without its bias); everything
 * else that SAEs rebuild is already in the stream. rows [n, d_out] -> [n, dModel]
 */
export async function streamDirections(
  { ops, weights, config: { dModel } }: Gpt2,
  { config }: Pick<Sae, 'config'>,
  rows: Tensor,
): Promise<Tensor> {
  const site = siteOf(config.hookNameOut)
  if (site?.holds !== 'heads') return rows
  const heads = Tensor.zeros([rows.shape[0], dModel])
  for (let r = 0; r < rows.shape[0]; r++) heads.row(r).set(directionAt(config, rows.row(r), dModel))
  const { c_proj } = weights.blocks[site.layer].attn
  const directions = await ops.scope(async (ops) => {
    const bias = await ops.linear(ops.upload(Tensor.zeros([1, dModel])), c_proj) // [1, dModel]
    return ops.subtract(await ops.linear(ops.upload(heads), c_proj), ops.reshape(bias, [dModel]))
  })
  const tensor = await ops.download(directions)
  ops.release(directions)
  return tensor
}

/** The tokens whose logits a direction raises and lowers most. */
export interface LogitLens {
  readonly promoted: readonly { readonly id: number; readonly logit: number }[]
  readonly suppressed: readonly { readonly id: number; readonly logit: number }[]
}

/**
 * The logit lens (nostalgebraist 2020) on directions in the stream: what one unit of each adds to the logits if it
 * reaches the unembedding as it is. Of the final LayerNorm, the parts that are linear are kept: the mean is taken out
 * and the rest multiplied by ln_f.weight. Its division by the stream's size differs from token to token, but scales
 * all logits alike; its bias belongs to no direction. Both are left out. Softmax ignores a common offset of the logits,
 * so the mean over the vocabulary is subtracted too. directions [n, dModel] -> n lists of `count` tokens
 */
export async function logitLens(
  { ops, weights }: Gpt2,
  directions: Tensor,
  count: number,
): Promise<LogitLens[]> {
  const n = directions.shape[0]
  const bothWays = Tensor.of(
    [2 * n, directions.shape[1]],
    [...directions.data, ...directions.data.map((value) => -value)],
  )
  const best: { values: Float32Array; indices: Uint32Array }[] = []
  await ops.scope(async (ops) => {
    best.push(...(await ops.topK(await lensLogits(ops, weights, bothWays), count)))
  })
  const tokens = (row: number, sign: 1 | -1) =>
    Array.from(best[row].indices, (id, i) => ({ id, logit: sign * best[row].values[i] }))
  return Array.from({ length: n }, (_, i) => ({ promoted: tokens(i, 1), suppressed: tokens(n + i, -1) }))
}

/** What one unit of each direction adds to all logits: see `logitLens`. directions [n, dModel] -> [n, dVocab] */
export async function lensLogits(
  ops: Backend,
  weights: Pick<Gpt2['weights'], 'ln_f' | 'lm_head'>,
  directions: Tensor,
): Promise<DeviceTensor> {
  const weight = await ops.download(weights.ln_f.weight) // [dModel]
  const centred = await ops.download(await ops.center(ops.upload(directions)))
  const scaled = new Tensor(
    centred.shape,
    centred.data.map((value, i) => value * weight.data[i % weight.data.length]),
  )
  return ops.center(await ops.linear(ops.upload(scaled), weights.lm_head))
}

/** In float64. */
function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
