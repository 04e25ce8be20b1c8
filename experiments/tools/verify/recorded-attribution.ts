// Who gets the bag: the indirect-object prompts, and which part of the model says so.
import type { Tensor } from '../../../engine/tensor.ts'
import { headShares, logitReader, shareOf, type LogitReader } from '../../../gpt2/attribution.ts'
import { capture } from '../../../gpt2/model.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import type { OpenModel } from '../../lab/models/models.ts'
import { logProbability, type Line } from './recorded-line.ts'

/** Differences are of the right name's and the wrong one's logit at the last token, means over the prompts. */
export interface RecordedIoi {
  readonly source: string
  readonly top10: {
    readonly prompt: string
    readonly centred_logit_probability_token: readonly (readonly (number | string)[])[]
  }
  readonly prompts: readonly string[]
  readonly logit_difference_right_minus_wrong: readonly number[]
  readonly mean: number
  readonly logit_lens_mean_difference: { readonly at: readonly string[]; readonly value: readonly number[] }
  readonly direct_attribution_mean_difference: {
    readonly of: readonly string[]
    readonly value: readonly number[]
  }
  readonly direct_attribution_heads_12x12: readonly (readonly number[])[]
}

export async function attributionLines(model: OpenModel, recorded: RecordedIoi): Promise<Line[]> {
  const { source } = recorded
  const prompts = recorded.prompts.map((prompt) => promptOf(model, prompt))
  const stages = recorded.logit_lens_mean_difference.at.map(stageHook)
  const parts = recorded.direct_attribution_mean_difference.of.map(partHook)
  const names = [...new Set([...stages, ...parts, FINAL(model), ...zHooks(model), 'logits'])]
  const lens = new Float64Array(stages.length)
  const direct = new Float64Array(parts.length)
  const heads = new Float64Array(model.gpt2.config.nLayers * model.gpt2.config.nHeads)
  const differences: number[] = []
  for (const { ids, right, wrong } of prompts) {
    const seen = await capture(model.gpt2, [ids], names)
    const at = (name: string) => lastRow(seen.get(name)!)
    const logits = at('logits')
    differences.push(logits[right] - logits[wrong])
    const reader = await logitReader(model.gpt2, at(FINAL(model)), { target: right, against: wrong })
    const add = (sums: Float64Array, values: readonly number[]) =>
      values.forEach((value, i) => (sums[i] += value / prompts.length))
    add(
      lens,
      stages.map((name) => shareOf(reader, at(name))),
    )
    add(
      direct,
      parts.map((name) => shareOf(reader, at(name))),
    )
    add(heads, await headParts(model, at, reader))
  }
  const about = { source, tolerance: 2e-3, digits: 3 }
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length
  return [
    ...(await topLines(model, recorded)),
    {
      what: 'logit differences of eight prompts, right name minus wrong',
      expected: recorded.logit_difference_right_minus_wrong,
      got: differences,
      ...about,
    },
    { what: 'their mean', expected: [recorded.mean], got: [mean], ...about },
    {
      what: 'logit lens of the difference, stage by stage',
      expected: recorded.logit_lens_mean_difference.value,
      got: [...lens],
      ...about,
    },
    {
      what: 'direct attribution of the difference, part by part',
      expected: recorded.direct_attribution_mean_difference.value,
      got: [...direct],
      ...about,
    },
    {
      what: 'direct attribution of the difference, head by head',
      expected: recorded.direct_attribution_heads_12x12.flat(),
      got: [...heads],
      ...about,
    },
  ]
}

const FINAL = ({ gpt2 }: OpenModel): string => `blocks.${gpt2.config.nLayers - 1}.hook_resid_post`
const zHooks = ({ gpt2 }: OpenModel): string[] =>
  Array.from({ length: gpt2.config.nLayers }, (_, layer) => `blocks.${layer}.attn.hook_z`)

/** `3_pre`, `3_mid`, `final_post`: a place of the stream. */
function stageHook(stage: string, index: number, all: readonly string[]): string {
  const [layer, place] = stage.split('_')
  if (layer !== 'final') return `blocks.${layer}.hook_resid_${place}`
  return `blocks.${all[index - 1].split('_')[0]}.hook_resid_post`
}

/** `embed`, `pos_embed`, `3_attn_out`: what is added to the stream. */
function partHook(part: string): string {
  const [, layer, place] = /^(\d+)_(.*)$/.exec(part) ?? []
  return layer === undefined ? `hook_${part}` : `blocks.${layer}.hook_${place}`
}

/** The right answer is the name that the sentence says once. */
function promptOf(model: OpenModel, prompt: string) {
  const [, first, second, giver] = /^\w+ (\w+) and (\w+) .*, (\w+) /.exec(prompt) ?? []
  const [right, wrong] = [first === giver ? second : first, giver].map((name) => {
    const ids = model.tokenizer.encode(` ${name}`)
    if (ids.length !== 1) throw new UserError(`"${name}" is ${ids.length} tokens, expected one`)
    return ids[0]
  })
  return { ids: model.tokenize(prompt), right, wrong }
}

function lastRow(x: Tensor): Float32Array {
  const rows = x.shape[0]
  const width = x.data.length / rows
  return x.data.subarray((rows - 1) * width)
}

const meanOf = (row: Float32Array): number => row.reduce((sum, value) => sum + value, 0) / row.length

/**
 * Each head's own part of what attention adds, layer by layer. The bias of its values reaches every token alike, whatever the
 * head looks at: as where this was recorded, it counts as attention's bias, and so does what ln_1.bias makes of the values.
 */
async function headParts(
  { gpt2 }: OpenModel,
  at: (name: string) => Float32Array,
  reader: LogitReader,
): Promise<number[]> {
  const { ops, config, weights } = gpt2
  const found: number[] = []
  for (const [layer, { attn, ln_1 }] of weights.blocks.entries()) {
    const bias = (await ops.download(ln_1.bias)).reshape([1, config.dModel])
    const constant = (await ops.download(await ops.linear(ops.upload(bias), attn.v))).row(0)
    const z = at(`blocks.${layer}.attn.hook_z`).map((value, i) => value - constant[i])
    found.push(...(await headShares(gpt2, layer, z, reader)).slice(0, -1))
  }
  return found
}

async function topLines(model: OpenModel, { source, top10 }: RecordedIoi): Promise<Line[]> {
  const ids = model.tokenize(top10.prompt)
  const row = lastRow((await capture(model.gpt2, [ids], ['logits'])).get('logits')!)
  const rows = top10.centred_logit_probability_token
  const tokens = rows.map(([, , token]) => model.tokenizer.encode(String(token))[0])
  const best = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, tokens.length)
  const about = { source, what: `after "${top10.prompt}"` }
  const numbers = (column: number) => rows.map((entry) => Number(entry[column]))
  const mean = meanOf(row)
  return [
    {
      ...about,
      what: `most probable tokens ${about.what}`,
      expected: tokens,
      got: best,
      tolerance: 0,
      digits: 0,
    },
    {
      ...about,
      what: `their centred logits ${about.what}`,
      expected: numbers(0),
      got: tokens.map((id) => row[id] - mean),
      tolerance: 0.01,
      digits: 2,
    },
    {
      ...about,
      what: `their probabilities ${about.what}`,
      expected: numbers(1),
      got: tokens.map((id) => Math.exp(logProbability(row, id))),
      tolerance: 1e-4,
      digits: 4,
    },
  ]
}
