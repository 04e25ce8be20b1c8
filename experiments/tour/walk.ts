// One text through the bundled model, number by number: what the most important lines of code make of it.
import type { Backend } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { Tensor } from '../../engine/tensor.ts'
import { softmax } from '../../engine/reference/softmax.ts'
import { sparseRow } from '../../engine/sparse.ts'
import { capture } from '../../gpt2/model.ts'
import { decoderRows, reconstruct } from '../../sae/decoder.ts'
import { encode, encoderInput, saeInput } from '../../sae/encoder.ts'
import { captureStreams } from '../lab/models/features.ts'
import { openModel, type OpenModel } from '../lab/models/models.ts'

export interface Stop {
  readonly title: string
  /** The line that does it, exactly as in the file. */
  readonly file: string
  readonly code: string
  /** What it computes on this text. */
  readonly lines: readonly string[]
  readonly says: string
}

const TEXT = 'def add('
/** Where the walk looks inside a block, and at an SAE. */
const [LAYER, HEAD, SAE_LAYER] = [0, 0, 3]
const TEMPERATURES = [1, 0.5, 2]
const NAME_WIDTH = 11
/** Numbers shown of a row. */
const SHOWN = 4

/** Reference backend, bundled model: the same on every machine. */
export async function walk(): Promise<Stop[]> {
  const ops = await createBackend('reference')
  const model = await openModel('tiny', ops, { quiet: true })
  const { nLayers, nHeads, dHead, dModel } = model.gpt2.config
  const ids = model.tokenize(TEXT)
  const pieces = ids.map((id, t) => (t === 0 ? 'BOS' : JSON.stringify(model.tokenizer.decode([id]))))
  const last = ids.length - 1
  const block = `blocks.${LAYER}`
  const streams = Array.from({ length: nLayers }, (_, layer) => [
    `blocks.${layer}.hook_resid_mid`,
    `blocks.${layer}.hook_resid_post`,
  ]).flat()
  const inside = [
    'attn.hook_q',
    'attn.hook_k',
    'attn.hook_v',
    'attn.hook_z',
    'attn.hook_result',
    'hook_attn_out',
    'attn.hook_attn_scores',
    'attn.hook_pattern',
    'mlp.hook_pre',
    'mlp.hook_post',
  ]
  const names = ['hook_embed', 'hook_pos_embed', `${block}.hook_resid_pre`, `${block}.ln1.hook_normalized`]
  const seen = await capture(
    model.gpt2,
    [ids],
    [...names, ...inside.map((name) => `${block}.${name}`), ...streams, 'logits'],
  )
  const rowOf = (hook: string, row = last): Float32Array => {
    const x = seen.get(hook)!
    return x.data.subarray(row * (x.data.length / ids.length), (row + 1) * (x.data.length / ids.length))
  }
  const headRow = (hook: string, row: number) => rowOf(hook, row).subarray(HEAD * dHead, (HEAD + 1) * dHead)

  // scores and pattern are [heads, queries, keys]
  const keysOf = (x: Tensor): number[] => {
    const start = (HEAD * ids.length + last) * ids.length
    return Array.from(x.data.subarray(start, start + ids.length))
  }
  const scores = keysOf(seen.get(`${block}.attn.hook_attn_scores`)!)
  const shares = keysOf(seen.get(`${block}.attn.hook_pattern`)!)
  const dot = headRow(`${block}.attn.hook_q`, last).reduce(
    (sum, value, i) => sum + value * headRow(`${block}.attn.hook_k`, last)[i],
    0,
  )

  const [pre, post] = [rowOf(`${block}.mlp.hook_pre`), rowOf(`${block}.mlp.hook_post`)]
  const neuron = indexOfLargest(post)

  const saeStop = await throughSae(ops, model, ids, pieces[last])
  const logits = rowOf('logits')
  const best = [...logits.keys()].sort((a, b) => logits[b] - logits[a]).slice(0, 5)
  await ops.dispose()

  return [
    {
      title: 'The text becomes tokens',
      file: 'gpt2/tokenizer.ts',
      code: 'for (const [preToken] of part.matchAll(PRE_TOKEN)) for (const id of idsOf(preToken)) found.push(id)',
      lines: [pieces.map((piece, t) => `${piece} = ${ids[t]}`).join(', ')],
      says: `BOS comes first. The model sees ${ids.length} numbers and no letters.`,
    },
    {
      title: 'Each token becomes a row of the residual stream',
      file: 'gpt2/embedding.ts',
      code: 'return ops.add(token, position)',
      lines: [
        `embedding of ${pieces[last]}         ${showRow(rowOf('hook_embed'))}`,
        `embedding of position ${last}  ${showRow(rowOf('hook_pos_embed'))}`,
        `their sum                ${showRow(rowOf(`${block}.hook_resid_pre`))}`,
      ],
      says: `The first ${SHOWN} of ${dModel} numbers. This is the token’s whiteboard: from here on every part only adds to it.`,
    },
    {
      title: 'LayerNorm makes a copy of fixed length',
      file: 'engine/reference/layer-norm.ts',
      code: '(row[i] - mean) * scale * norm.weight.data[i] + norm.bias.data[i]',
      lines: [
        `${showRow(rowOf(`${block}.ln1.hook_normalized`))}   length ${length(rowOf(`${block}.ln1.hook_normalized`))}, before weight and bias`,
      ],
      says: `The length is about the root of ${dModel}, which is ${Math.sqrt(dModel).toFixed(2)}: variance 1 in each of ${dModel} numbers.`,
    },
    {
      title: `Attention, head ${HEAD} of ${nHeads} in block ${LAYER}: ${pieces[last]} asks; its own key and all before it answer`,
      file: 'engine/reference/attention.ts',
      code: 'scores[key] = dot * scale',
      lines: [
        `its normalised row times W_q, plus b_q, of this head: q = ${showRow(headRow(`${block}.attn.hook_q`, last))}`,
        `likewise with W_k:                                    k = ${showRow(headRow(`${block}.attn.hook_k`, last))}`,
        `q . k with itself: ${dot.toFixed(3)}, divided by sqrt(${dHead}): ${scores[last].toFixed(3)}`,
        `scores  ${pieces.map((piece, t) => `${piece} ${scores[t].toFixed(3)}`).join('   ')}`,
        `shares  ${pieces.map((piece, t) => `${piece} ${shares[t].toFixed(3)}`).join('   ')}`,
      ],
      says: `Softmax turned the scores into shares: they sum to ${shares.reduce((sum, share) => sum + share, 0).toFixed(3)}.`,
    },
    {
      title: `What ${pieces[last]} gets from head ${HEAD}: the values, mixed by their shares`,
      file: 'engine/reference/attention.ts',
      code: 'sum += pattern.data[row + key] * v.data[(firstKey + key) * width + i]',
      lines: [
        ...pieces.map(
          (piece, t) =>
            `${piece.padEnd(6)} ${shares[t].toFixed(3)} x v = ${showRow(headRow(`${block}.attn.hook_v`, t))}`,
        ),
        `mixed           = ${showRow(headRow(`${block}.attn.hook_z`, last))}`,
        `the head adds     ${showRow(rowOf(`${block}.attn.hook_result`).subarray(HEAD * dModel))}`,
        `with ${nHeads - 1} others, b_O ${showRow(rowOf(`${block}.hook_attn_out`))}`,
      ],
      says: `v is made like q and k. The ${dHead} mixed numbers times this head’s rows of W_O, which the files call c_proj, give ${dModel} numbers. The sum of all heads and of b_O is added to the stream.`,
    },
    {
      title: 'Each half of each block adds to the stream',
      file: 'gpt2/block.ts',
      code: 'return ops.linear(input, layer, { residual: stream })',
      lines: streams.map(
        (hook) => `${hook.padEnd(26)} ${showRow(rowOf(hook))}   length ${length(rowOf(hook))}`,
      ),
      says: `The whiteboard of ${pieces[last]} fills up: its row grows longer, because what the parts add is mostly not opposed to what is there.`,
    },
    {
      title: `A neuron of the MLP of block ${LAYER}: number ${neuron}, the strongest here`,
      file: 'engine/reference/gelu.ts',
      code: 'return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))',
      lines: [`before the bend ${pre[neuron].toFixed(3)}, after it ${post[neuron].toFixed(3)}`],
      says: `${post.filter((value) => value > 0.1).length} of ${post.length} neurons are above 0.1; most are bent to nearly nothing.`,
    },
    saeStop,
    {
      title: 'The last row, normalised, against every token’s embedding: logits',
      file: 'gpt2/model.ts',
      code: 'const logits = await ops.linear(last, weights.lm_head)',
      lines: best.map(
        (id) => `${JSON.stringify(model.tokenizer.decode([id])).padEnd(NAME_WIDTH)} ${logits[id].toFixed(3)}`,
      ),
      says: `The whiteboard is read: the five largest of ${logits.length}. A logit is not yet a probability: only differences between logits mean something.`,
    },
    {
      title: 'Softmax turns them into probabilities, and the next token is drawn',
      file: 'gpt2/generate.ts',
      code: 'const weights = candidates.map(({ logit }) => Math.exp((logit - candidates[0].logit) / temperature))',
      lines: drawn(model, logits, best),
      says: `One token is drawn with these probabilities. The temperature divides the logits first: below 1 their differences grow and the likely gets likelier, above 1 they shrink; at 0 the largest is always taken, here ${JSON.stringify(model.tokenizer.decode([best[0]]))}.`,
    },
  ]
}

/** The row of the last token through an SAE and back. */
async function throughSae(
  ops: Backend,
  model: OpenModel,
  ids: readonly number[],
  piece: string,
): Promise<Stop> {
  const hook = `blocks.${SAE_LAYER}.hook_resid_pre`
  const sae = await model.openSae(hook)
  const stream = (await captureStreams(model.gpt2, [ids], [hook])).get(hook)!
  const last = ids.length - 1
  const row = ops.upload(stream.rows(last, last + 1))
  const x = (await ops.download(await saeInput(ops, sae, row))).row(0)
  const less = (await ops.download(await encoderInput(ops, sae, row))).row(0)
  const features = await encode(ops, sae, row)
  const { indices, values } = sparseRow(features, 0)
  const rebuilt = (await ops.download(await reconstruct(ops, sae, row, features))).row(0)
  const strongest = indexOfLargest(values)
  const direction = (await decoderRows(sae, [indices[strongest]])).row(0)
  const mean = stream.row(last).reduce((sum, value) => sum + value / x.length, 0)
  return {
    title: `The SAE of layer ${SAE_LAYER} reads the stream: feature ${indices[strongest]}, the strongest on ${piece}`,
    file: 'sae/encoder.ts',
    code: 'return ops.sparseEncode(await encoderInput(ops, sae, x), sae.encoder)',
    lines: [
      `the row minus its mean of ${mean.toFixed(3)}: x = ${showRow(x)}`,
      `minus b_dec, near the typical row: ${showRow(less)}`,
      `${indices.length} of ${sae.config.dSae} features are active; this one ${values[strongest].toFixed(3)}`,
      `its decoder direction ${showRow(direction)}   length ${length(direction)}`,
      `all ${indices.length} directions, each times its activation, plus b_dec:`,
      `x_hat = ${showRow(rebuilt)}   length ${length(rebuilt)}`,
      `x     = ${showRow(x)}   length ${length(x)}`,
    ],
    says: `x is the stream as it enters block ${SAE_LAYER}, minus its mean: all that the blocks before wrote. npm run feature -- --layer ${SAE_LAYER} --feature ${indices[strongest]} shows what else this feature fires on.`,
  }
}

/** The probabilities of some tokens at each temperature. logits [dVocab] */
function drawn(model: OpenModel, logits: Float32Array, ids: readonly number[]): string[] {
  const shares = TEMPERATURES.map((temperature) =>
    softmax(
      Tensor.of(
        [1, logits.length],
        Array.from(logits, (logit) => logit / temperature),
      ),
    ).row(0),
  )
  return [
    `${'temperature'.padEnd(NAME_WIDTH)} ${TEMPERATURES.map((temperature) => `${temperature}`.padStart(8)).join('')}`,
    ...ids.map((id) => {
      const cells = shares.map((share) => `${(share[id] * 100).toFixed(1)} %`.padStart(8))
      return `${JSON.stringify(model.tokenizer.decode([id])).padEnd(NAME_WIDTH)} ${cells.join('')}`
    }),
  ]
}

function indexOfLargest(values: Float32Array): number {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0)
}

function length(row: Float32Array): string {
  return Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)).toFixed(2)
}

function showRow(row: Float32Array): string {
  return `[${Array.from(row.subarray(0, SHOWN), (value) => value.toFixed(3).padStart(6)).join(' ')} ...]`
}
