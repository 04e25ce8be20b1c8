// What others recorded from the real model, number by number, and the same numbers of the model at hand.
import type { Tensor } from '../../../engine/tensor.ts'
import { bosOf } from '../../../gpt2/config.ts'
import { logProbability } from '../../../gpt2/loss.ts'
import { capture } from '../../../gpt2/model.ts'
import { encodeStream } from '../../lab/models/features.ts'
import { withSae, type OpenModel } from '../../lab/models/models.ts'
import { toDense } from '../../../engine/sparse.ts'
import { attributionLines, type RecordedIoi } from './recorded-attribution.ts'
import { weightLines, type RecordedWeights } from './recorded-weights.ts'

/** Numbers that were recorded elsewhere, and those found here. */
export interface Line {
  readonly what: string
  readonly source: string
  readonly expected: readonly number[]
  readonly got: readonly number[]
  readonly tolerance: number
  /** Whether the tolerance is a share of each number. */
  readonly relative?: boolean
  readonly digits: number
}

/** gpt2-recorded.json. */
export interface Recorded {
  readonly token_log_probs: { source: string; cases: { ids: number[]; log_probs: number[] }[] }
  readonly next_token_table: {
    source: string
    strings: string[]
    rank_and_probability_of_next: number[][]
    bos_row_top20: (string | number)[][]
  }
  readonly logits: readonly RecordedLogits[]
  readonly weights: RecordedWeights
  readonly ioi: RecordedIoi
  readonly sae_7_res_jb: RecordedFeatures
}

/** Nothing is put before the ids, or the text. */
interface RecordedLogits {
  readonly source: string
  readonly ids?: readonly number[]
  readonly tolerance: number
  readonly mean_of_all_logits?: number
  readonly position_0?: Readonly<Record<string, number>>
  readonly position_0_first_5?: readonly number[]
  readonly position_2_first_5?: readonly number[]
  readonly argmax?: readonly number[]
  readonly text?: string
  /** The first numbers after ln_f; at which position is not said. */
  readonly values?: readonly number[]
}

interface RecordedFeatures {
  readonly source: string
  readonly text: string
  readonly top3: Readonly<Record<string, number[][]>>
  readonly values_by_token: Readonly<Record<string, number[]>>
  readonly bos_feature: readonly number[]
  readonly decoder_cosine_of_feature_5: Readonly<Record<string, number>>
  readonly decoder_cosine_of_all_ones: Readonly<Record<string, number>>
}

/** @param hook of the SAE whose features were recorded; undefined: it is not here */
export async function recordedLines(
  model: OpenModel,
  recorded: Recorded,
  hook: string | undefined,
): Promise<Line[]> {
  const lines = [
    ...(await logProbabilityLines(model, recorded.token_log_probs)),
    ...(await nextTokenLines(model, recorded.next_token_table)),
  ]
  for (const entry of recorded.logits) lines.push(...(await logitLines(model, entry)))
  lines.push(...(await weightLines(model, recorded.weights)))
  lines.push(...(await attributionLines(model, recorded.ioi)))
  if (hook !== undefined) lines.push(...(await featureLines(model, recorded.sae_7_res_jb, hook)))
  return lines
}

async function logitsOf(model: OpenModel, ids: readonly number[]): Promise<Tensor> {
  return (await capture(model.gpt2, [ids], ['logits'])).get('logits')!
}

async function logProbabilityLines(
  model: OpenModel,
  { source, cases }: Recorded['token_log_probs'],
): Promise<Line[]> {
  const lines: Line[] = []
  for (const { ids, log_probs: expected } of cases) {
    const logits = await logitsOf(model, [bosOf(model.gpt2.config), ...ids])
    const got = ids.map((id, i) => logProbability(logits.row(i), id))
    const what = `log-probabilities of ${ids.join(' ')} after BOS`
    lines.push({ what, source, expected, got, tolerance: 1e-4, relative: true, digits: 5 })
  }
  return lines
}

/** Ranks beyond this are of tokens so improbable that another summation order swaps neighbours. */
const SURE_RANK = 500

async function nextTokenLines(
  model: OpenModel,
  { source, strings, rank_and_probability_of_next: table, bos_row_top20: top }: Recorded['next_token_table'],
): Promise<Line[]> {
  const idOf = (piece: string) => model.tokenizer.encode(piece.replaceAll('Ġ', ' ').replaceAll('Ċ', '\n'))[0]
  const ids = [bosOf(model.gpt2.config), ...strings.slice(1).map(idOf)]
  const logits = await logitsOf(model, ids)
  const ranks = table.map((_, i) => logits.row(i).filter((logit) => logit > logits.row(i)[ids[i + 1]]).length)
  const rows = [...table.keys()]
  const [sure, late] = [
    rows.filter((i) => table[i][0] < SURE_RANK),
    rows.filter((i) => table[i][0] >= SURE_RANK),
  ]
  const rankLine = (what: string, at: readonly number[], tolerance: number): Line => ({
    what: `ranks of the next token in a sentence, ${what}`,
    source,
    expected: at.map((i) => table[i][0]),
    got: at.map((i) => ranks[i]),
    tolerance,
    relative: true,
    digits: 0,
  })
  const probability = (row: number, id: number) => Math.exp(logProbability(logits.row(row), id))
  const about = { source, tolerance: 1.5e-5, digits: 5 } // printed to five decimals
  return [
    rankLine(`those below ${SURE_RANK}`, sure, 0),
    rankLine('the others', late, 0.01),
    {
      what: 'probabilities of the next token in a sentence',
      expected: table.map(([, share]) => share),
      got: rows.map((i) => probability(i, ids[i + 1])),
      ...about,
    },
    {
      what: 'probabilities of the most probable first tokens',
      expected: top.map(([, share]) => Number(share)),
      got: top.map(([piece]) => probability(0, idOf(String(piece)))),
      ...about,
    },
  ]
}

/** Where the stream is after ln_f, weight and bias in it. */
const AFTER_LN_F = 'ln_final.hook_normalized'

async function logitLines(model: OpenModel, entry: RecordedLogits): Promise<Line[]> {
  const { source, tolerance, text, values } = entry
  const ids = entry.ids ?? model.tokenizer.encode(text ?? '')
  const about = { source, tolerance, digits: 5 }
  const shown = text === undefined ? ids.join(' ') : JSON.stringify(text)
  if (values) {
    const x = (await capture(model.gpt2, [ids], [AFTER_LN_F])).get(AFTER_LN_F)!
    const candidates = ids.map((_, row) => [...x.row(row).subarray(0, values.length)])
    const distance = (got: readonly number[]) =>
      Math.max(...values.map((value, i) => Math.abs(value - got[i])))
    const [got] = candidates.sort((a, b) => distance(a) - distance(b))
    return [
      { what: `after ln_f of ${shown}, at the position that is nearest`, expected: values, got, ...about },
    ]
  }
  const logits = await logitsOf(model, ids)
  const lines: Line[] = []
  const add = (what: string, expected: readonly number[] | undefined, got: () => readonly number[]) => {
    if (expected) lines.push({ what: `${what} of ${shown}`, expected, got: got(), ...about })
  }
  const mean = entry.mean_of_all_logits
  const total = () => logits.data.reduce((sum, logit) => sum + logit, 0)
  add('mean of all logits', mean === undefined ? undefined : [mean], () => [total() / logits.data.length])
  const first = entry.position_0 && Object.entries(entry.position_0)
  add(
    'logits at position 0',
    first?.map(([, logit]) => logit),
    () => first!.map(([id]) => logits.row(0)[Number(id)]),
  )
  add('first logits at position 0', entry.position_0_first_5, () => [...logits.row(0).subarray(0, 5)])
  add('first logits at position 2', entry.position_2_first_5, () => [...logits.row(2).subarray(0, 5)])
  const best = (row: Float32Array) => row.indexOf(Math.max(...row))
  add('most probable next tokens', entry.argmax, () => ids.map((_, i) => best(logits.row(i))))
  return lines
}

async function featureLines(model: OpenModel, entry: RecordedFeatures, hook: string): Promise<Line[]> {
  const ids = model.tokenize(entry.text)
  const stream = (await capture(model.gpt2, [ids], [hook])).get(hook)!
  return withSae(model, hook, async (sae) => {
    const features = toDense(await encodeStream(sae.ops, sae, stream)) // [tokens, dSae]
    const about = { source: entry.source, tolerance: 0.1, digits: 3 }
    const lines: Line[] = []
    for (const [i, [token, top]] of Object.entries(entry.top3).entries()) {
      const row = features.row(i + 1) // after BOS
      const best = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, top.length)
      const what = `${hook}: strongest features of ${JSON.stringify(token)}`
      lines.push({ what, expected: top.map(([id]) => id), got: best, ...about, tolerance: 0, digits: 0 })
      lines.push({
        what: `${what}, their values`,
        expected: top.map(([, value]) => value),
        got: top.map(([id]) => row[id]),
        ...about,
      })
    }
    for (const [feature, values] of Object.entries(entry.values_by_token)) {
      const got = ids.map((_, t) => features.row(t)[Number(feature)])
      lines.push({ what: `${hook}: feature ${feature} at each token`, expected: values, got, ...about })
    }
    const [onBos, value] = entry.bos_feature
    lines.push({
      what: `${hook}: feature ${onBos} at BOS`,
      expected: [value],
      got: [features.row(0)[onBos]],
      ...about,
      tolerance: 1e-3,
      relative: true,
    })
    for (const [what, cosines, of] of [
      ['feature 5', entry.decoder_cosine_of_feature_5, 5],
      ['all ones', entry.decoder_cosine_of_all_ones, undefined],
    ] as const) {
      const others = Object.keys(cosines).map(Number)
      const { ops } = sae
      const rows = await ops.download(await ops.embed(sae.W_dec, of === undefined ? others : [...others, of]))
      const one = of === undefined ? new Float32Array(sae.config.dIn).fill(1) : rows.row(others.length)
      const got = others.map((_, i) => cosine(rows.row(i), one))
      lines.push({
        what: `${hook}: cosine of decoder rows and ${what}`,
        expected: Object.values(cosines),
        got,
        ...about,
        tolerance: 1e-4,
        digits: 5,
      })
    }
    return lines
  })
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = a.reduce((sum, value, i) => sum + value * b[i], 0)
  return dot / Math.hypot(...a) / Math.hypot(...b)
}
