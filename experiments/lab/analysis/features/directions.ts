// What a feature's decoder direction says by itself, whatever the texts.
import { Tensor } from '../../../../engine/tensor.ts'
import type { Gpt2 } from '../../../../gpt2/model.ts'
import { decoderRows } from '../../../../sae/decoder.ts'
import type { Sae } from '../../../../sae/weights.ts'
import type { NearFeature } from './feature-dashboard.ts'

const ROWS_AT_ONCE = 1024

/**
 * The features of the same SAE whose decoder rows point most nearly the same way, by cosine similarity; a row of
 * zeros points nowhere and is left out. -> a list for each of `features`, nearest first
 */
export async function nearestFeatures(
  sae: Sae,
  features: readonly number[],
  count: number,
): Promise<NearFeature[][]> {
  const { dSae } = sae.config
  const own = await decoderRows(sae, features)
  const ownNorms = features.map((_, i) => Math.sqrt(dot(own.row(i), own.row(i))))
  const near: NearFeature[][] = features.map(() => [])
  for (let first = 0; first < dSae; first += ROWS_AT_ONCE) {
    const ids = Array.from({ length: Math.min(ROWS_AT_ONCE, dSae - first) }, (_, i) => first + i)
    const rows = await decoderRows(sae, ids) // [ids, d_in]
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

/** The tokens whose logits a direction raises and lowers most. */
export interface LogitLens {
  readonly promoted: readonly { readonly id: number; readonly logit: number }[]
  readonly suppressed: readonly { readonly id: number; readonly logit: number }[]
}

/**
 * The logit lens (nostalgebraist 2020) on directions in the stream: what one unit of each adds to the logits if it
 * reaches the unembedding as it is. Of the final LayerNorm, the parts that are linear are kept: the mean is taken out
 * and the rest multiplied by ln_f.weight. Its division by the stream's size differs from token to token, but scales
 * all logits alike; its bias belongs to no direction. Both are left out. Softmax knows no common offset of the logits,
 * so the mean over the vocabulary is taken out too. directions [n, dModel] -> n lists of `count` tokens
 */
export async function logitLens(
  { ops, weights }: Gpt2,
  directions: Tensor,
  count: number,
): Promise<LogitLens[]> {
  const weight = await ops.download(weights.ln_f.weight) // [dModel]
  const n = directions.shape[0]
  const bothWays = Tensor.of(
    [2 * n, directions.shape[1]],
    [...directions.data, ...directions.data.map((value) => -value)],
  )
  const best: { values: Float32Array; indices: Uint32Array }[] = []
  await ops.scope(async (ops) => {
    const centred = await ops.download(await ops.center(ops.upload(bothWays)))
    const scaled = new Tensor(
      centred.shape,
      centred.data.map((value, i) => value * weight.data[i % weight.data.length]),
    )
    const logits = await ops.linear(ops.upload(scaled), weights.lm_head) // [2 n, dVocab]
    best.push(...(await ops.topK(await ops.center(logits), count)))
  })
  const tokens = (row: number, sign: 1 | -1) =>
    Array.from(best[row].indices, (id, i) => ({ id, logit: sign * best[row].values[i] }))
  return Array.from({ length: n }, (_, i) => ({ promoted: tokens(i, 1), suppressed: tokens(n + i, -1) }))
}

/** In float64. */
function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
