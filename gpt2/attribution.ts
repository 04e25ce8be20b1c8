// Direct logit attribution: what each part of the residual stream contributes to a logit by itself.
import type { Backend, Linear } from '../engine/backend.ts'
import { rulesOf } from '../engine/backward.ts'
import { Tensor } from '../engine/tensor.ts'
import { capture, type Gpt2 } from './model.ts'

/** The number that is explained: the logit of `target` after a text's last token, minus that of `against`, or minus the mean of all logits (TransformerLens' center_unembed). Tokens are ids. */
export interface LogitQuestion {
  readonly target: number
  readonly against?: number | 'mean'
}

/**
 * How a logit reads one row of the stream while the scale of the final LayerNorm is held fixed: the share of a part that was added
 * to the row is its dot product with `direction` (see `shareOf`).
 */
export interface LogitReader {
  /** [dModel]; its numbers add up to 0, because LayerNorm subtracts the mean of what it reads. */
  readonly direction: Float64Array
  /** What ln_f.bias contributes, which belongs to no part of the stream. */
  readonly bias: number
}

/** A part's share of the number that is explained. part [dModel] */
export function shareOf({ direction }: Pick<LogitReader, 'direction'>, part: ArrayLike<number>): number {
  return direction.reduce((sum, value, i) => sum + value * part[i], 0)
}

/** final: the row [dModel] that the final LayerNorm reads */
export async function logitReader(
  { ops, weights, config }: Gpt2,
  final: Float32Array,
  question: LogitQuestion,
): Promise<LogitReader> {
  const [gain, shift] = [await ops.download(weights.ln_f.weight), await ops.download(weights.ln_f.bias)]
  const unembed = await unembedding(ops, weights.lm_head, question)
  const variance = final.reduce((sum, value) => sum + (value - meanOf(final)) ** 2, 0) / final.length
  const scale = Math.sqrt(variance + config.eps)
  const scaled = unembed.map((value, i) => (value * gain.data[i]) / scale)
  const mean = meanOf(scaled)
  return {
    direction: scaled.map((value) => value - mean),
    bias: unembed.reduce((sum, value, i) => sum + value * shift.data[i], 0),
  }
}

/** The number that is explained, of a row of logits [dVocab]. */
export function answerOf(logits: Float32Array, { target, against }: LogitQuestion): number {
  if (against === undefined) return logits[target]
  return logits[target] - (against === 'mean' ? meanOf(logits) : logits[against])
}

const ROWS_AT_ONCE = 1024 // 3 MB at dModel 768

/** The direction [dModel] that raises the number, behind the final LayerNorm. */
async function unembedding(
  ops: Backend,
  lm_head: Linear,
  { target, against }: LogitQuestion,
): Promise<Float64Array> {
  const row = async (id: number) => (await ops.download(await ops.embed(lm_head, [id]))).row(0)
  const direction = Float64Array.from(await row(target))
  const subtract = (row: Float32Array, factor: number) =>
    row.forEach((value, i) => (direction[i] -= factor * value))
  if (typeof against === 'number') subtract(await row(against), 1)
  if (against === 'mean')
    for (let from = 0; from < lm_head.out; from += ROWS_AT_ONCE)
      await ops.scope(async (ops) => {
        const ids = Array.from({ length: Math.min(ROWS_AT_ONCE, lm_head.out - from) }, (_, i) => from + i)
        const mean = await ops.meanRows(await ops.embed(lm_head, ids), [ids.length])
        subtract((await ops.download(mean)).row(0), ids.length / lm_head.out)
      })
  return direction
}

/** What attention or the MLP of a layer adds to the last token's row, in parts that add up to its share. */
export interface LayerShares {
  /** One number per head: what it adds, without c_proj's bias. */
  readonly heads: readonly number[]
  /** Heads x tokens: what a head contributes by looking at a token, its pattern held fixed. Adds up to `heads`. */
  readonly sources: readonly Float64Array[]
  readonly attentionBias: number
  /** One number per neuron: what its activation adds through c_proj. [dMlp] */
  readonly neurons: Float64Array
  readonly mlpBias: number
}

/** Where the number that is explained comes from; all shares are in its unit. */
export interface DirectAttribution {
  /** As the model computes it. */
  readonly logit: number
  /** By hook: hook_embed, hook_pos_embed, each layer's hook_attn_out and hook_mlp_out, and `ln_final.bias`. Their sum is the logit. */
  readonly parts: ReadonlyMap<string, number>
  readonly sum: number
  readonly layers: readonly LayerShares[]
  readonly reader: LogitReader
}

/**
 * How far the sum of the parts may be from the logit, as a share of the sum of their sizes: a few roundings of float32 (6e-8
 * each), which stay as large when the parts cancel. A part that is left out or counted twice is off by thousands of times that.
 */
const ROUNDING = 1e-5

/**
 * Splits the logit after the last token into parts, with the final LayerNorm's scale held fixed. A part is what a layer
 * contributes directly, not through later layers. ids: BOS first
 * @throws if the parts do not add up to the logit, or the backend has no backward rules
 */
export async function directAttribution(
  model: Gpt2,
  ids: readonly number[],
  question: LogitQuestion,
): Promise<DirectAttribution> {
  const blocks = Array.from({ length: model.config.nLayers }, (_, layer) => `blocks.${layer}`)
  const added = blocks.flatMap((block) => [`${block}.hook_attn_out`, `${block}.hook_mlp_out`])
  const inside = ['attn.hook_z', 'attn.hook_v', 'attn.hook_pattern', 'mlp.hook_post']
  const final = `${blocks.at(-1)}.hook_resid_post`
  const streams = ['hook_embed', 'hook_pos_embed', ...added]
  const seen = await capture(
    model,
    [ids],
    [...streams, ...blocks.flatMap((block) => inside.map((name) => `${block}.${name}`)), final, 'logits'],
  )
  const at = (name: string) => lastRow(seen.get(name)!)
  const reader = await logitReader(model, at(final), question)
  const parts = new Map(streams.map((name) => [name, shareOf(reader, at(name))]))
  parts.set('ln_final.bias', reader.bias)
  const logit = answerOf(at('logits'), question)
  const sum = checkedSum([...parts.values()], logit, 'the logit')
  const layers: LayerShares[] = []
  for (const layer of blocks.keys()) layers.push(await layerShares(model, layer, seen, reader))
  return { logit, parts, sum, layers, reader }
}

/** The sum of shares. @throws if it is not `whole` to float32 rounding; `what`: as the message calls the whole */
export function checkedSum(shares: readonly number[], whole: number, what: string): number {
  const sum = shares.reduce((total, share) => total + share, 0)
  const limit = ROUNDING * shares.reduce((total, share) => total + Math.abs(share), 0)
  if (Math.abs(sum - whole) <= limit) return sum
  throw new Error(
    `direct attribution: the parts add up to ${sum}, but ${what} is ${whole}, expected within ${limit}`,
  )
}

async function layerShares(
  model: Gpt2,
  layer: number,
  seen: ReadonlyMap<string, Tensor>,
  reader: LogitReader,
): Promise<LayerShares> {
  const { ops, weights } = model
  const { attn, mlp } = weights.blocks[layer]
  const at = (name: string) => seen.get(`blocks.${layer}.${name}`)!
  const heads = await headShares(model, layer, lastRow(at('attn.hook_z')), reader)
  const post = lastRow(at('mlp.hook_post'))
  const ofUnit = await readThrough(ops, reader, mlp.c_proj) // [dMlp]
  const none = await ops.linear(ops.upload(Tensor.zeros([1, post.length])), mlp.c_proj)
  return {
    heads: heads.slice(0, -1),
    attentionBias: heads.at(-1)!,
    sources: sourceShares(
      at('attn.hook_pattern'),
      at('attn.hook_v'),
      await readThrough(ops, reader, attn.c_proj),
    ),
    neurons: Float64Array.from(post, (value, neuron) => value * ofUnit[neuron]),
    mlpBias: shareOf(reader, (await ops.download(none)).row(0)),
  }
}

/** The share of one unit of each of a layer's inputs: direction W^T. layer [in, dModel] -> [in] */
export async function readThrough(
  ops: Backend,
  { direction }: Pick<LogitReader, 'direction'>,
  layer: Linear,
): Promise<Float32Array> {
  const read = await rulesOf(ops).linear(ops.upload(Tensor.of([1, direction.length], direction)), layer)
  return (await ops.download(read)).data
}

/** What each head contributes through its rows of c_proj, followed by c_proj's bias. z: one token's, heads side by side, [dModel] */
export async function headShares(
  { ops, weights, config: { nHeads, dHead, dModel } }: Gpt2,
  layer: number,
  z: ArrayLike<number>,
  reader: LogitReader,
): Promise<number[]> {
  const apart = Tensor.zeros([nHeads + 1, dModel]) // the last row stays zero: the bias alone
  for (let i = 0; i < dModel; i++) apart.row(Math.floor(i / dHead))[i] = z[i]
  const out = await ops.download(await ops.linear(ops.upload(apart), weights.blocks[layer].attn.c_proj))
  const bias = shareOf(reader, out.row(nHeads))
  return Array.from({ length: nHeads + 1 }, (_, head) =>
    head < nHeads ? shareOf(reader, out.row(head)) - bias : bias,
  )
}

/** pattern [heads, tokens, tokens], v [tokens, heads, dHead], read: c_proj's input as read, [dModel] -> heads x tokens */
function sourceShares(pattern: Tensor, v: Tensor, read: Float32Array): Float64Array[] {
  const [tokens, heads, dHead] = v.shape
  return Array.from({ length: heads }, (_, head) =>
    Float64Array.from({ length: tokens }, (_, token) => {
      let value = 0
      for (let d = head * dHead; d < (head + 1) * dHead; d++)
        value += v.data[token * heads * dHead + d] * read[d]
      return pattern.data[(head * tokens + tokens - 1) * tokens + token] * value
    }),
  )
}

/** The last token's numbers, flat. x [tokens, ...] */
function lastRow({ shape: [rows], data }: Tensor): Float32Array {
  return data.subarray(data.length - data.length / rows)
}

function meanOf(row: Float32Array | Float64Array): number {
  let sum = 0
  for (const value of row) sum += value
  return sum / row.length
}
