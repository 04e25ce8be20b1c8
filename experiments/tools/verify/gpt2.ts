// Holds a model with real weights to what others publish of it.
import type { Tensor } from '../../../engine/tensor.ts'
import { generate } from '../../../gpt2/generate.ts'
import { meanLoss } from '../../../gpt2/loss.ts'
import { run } from '../../../gpt2/model.ts'
import type { Hook, HookTable } from '../../../gpt2/hooks.ts'
import { describeBasis } from '../../../sae/config.ts'
import { splice, zeroAblate } from '../../../sae/splice.ts'
import { rowsByCategory } from '../../lab/analysis/input.ts'
import { analyse } from '../../lab/analysis/analyse-texts.ts'
import { replicate, replicationTolerance, type ReplicationRow } from '../../lab/analysis/replication.ts'
import { POST_THRESHOLD } from '../../lab/analysis/threshold.ts'
import { withSae, type OpenModel } from '../../lab/models/models.ts'
import type { LabelledText } from '../../lab/texts/texts.ts'
import { checkBos, soundAlarm, type Alarm } from './alarm.ts'
import { exactly, nearly, type Finding } from './finding.ts'
import { recordedLines, type Recorded } from './recorded.ts'
import type { Expected, Splice } from './gpt2-expected.ts'

interface ExpectedOptions {
  /** The SAEs to verify; those that `expected` splices in are in any case. */
  readonly hooks: readonly string[]
  /** Short texts of any kind, for the alarm and the SAEs' quality. */
  readonly sample: readonly string[]
  /** The post's texts, to be held to its numbers; left out where the model is not the post's. */
  readonly postTexts?: readonly LabelledText[]
  /** What others recorded from this very model. */
  readonly recorded?: Recorded
  readonly quiet?: boolean
}

export interface ExpectedResult {
  readonly findings: readonly Finding[]
  /** What is likely wrong, most telling first; empty where nothing is. */
  readonly hints: readonly string[]
}

export async function verifyExpected(
  model: OpenModel,
  expected: Expected,
  { hooks, sample, postTexts, recorded, quiet = false }: ExpectedOptions,
): Promise<ExpectedResult> {
  const all = [...new Set([...expected.splices.map(({ hook }) => hook), ...hooks])]
  await model.prepareSaes(all)
  const texts = sample.map((text) => model.tokenize(text))
  const noBos = checkBos(model, texts)
  const alarms: Alarm[] = []
  for (const hook of all) alarms.push(await soundAlarm(model, hook, texts))
  const findings = [
    exactly(
      'texts begin with BOS',
      'all',
      noBos === undefined ? 'all' : 'not all',
      'the SAEs’ cfg.json: prepend_bos',
    ),
    ...(await verifyModel(model, expected)),
  ]
  for (const entry of expected.splices) findings.push(...(await verifySplice(model, entry)))
  if (recorded) {
    const hook = hooks.find((hook) => hook === 'blocks.7.hook_resid_pre')
    const lines = await recordedLines(model, recorded, hook)
    findings.push(...lines.map(({ what, expected, got, ...about }) => nearly(what, expected, got, about)))
  }
  findings.push(...alarms.flatMap(verifyAlarm))
  const alarmOf = (hook: string) => alarms.find((alarm) => alarm.hook === hook)!
  findings.push(...hooks.flatMap((hook) => verifyRelease(expected, alarmOf(hook))))
  if (postTexts) findings.push(...(await verifyPost(model, postTexts, hooks, quiet)))
  const hints = [noBos, ...alarms.map(({ hint }) => hint)].filter((hint) => hint !== undefined)
  return { findings, hints }
}

async function verifyModel(model: OpenModel, expected: Expected): Promise<Finding[]> {
  const { gpt2, tokenizer } = model
  const findings: Finding[] = []
  const greedy = (prompt: readonly number[], count: number) =>
    Array.fromAsync(generate(gpt2, prompt, count, { temperature: 0 }))
  for (const { prompt, ids, source } of expected.greedyIds) {
    const got = await greedy(prompt, ids.length)
    findings.push(exactly(`greedy ids after ${prompt.join(' ')}`, ids.join(' '), got.join(' '), source))
  }
  for (const { prompt, text, source } of expected.greedyTexts) {
    const ids = await greedy(tokenizer.encode(prompt), tokenizer.encode(text).length)
    findings.push(exactly(`greedy text after "${prompt}"`, text, tokenizer.decode(ids), source))
  }
  for (const { text, loss, tolerance, source } of expected.losses) {
    const ids = model.tokenize(text)
    const got = await meanLoss(model.gpt2, ids)
    findings.push(nearly(`mean loss of BOS and "${text}"`, [loss], [got], { tolerance, digits: 6, source }))
  }
  for (const { ids, id, logit, tolerance, source } of expected.lastLogits) {
    const row = (await logitsOf(model, ids)).row(ids.length - 1)
    const best = indexOfMax(row)
    const what = `next token after ${ids.join(' ')}`
    findings.push(exactly(what, String(id), String(best), source))
    findings.push(nearly(`logit of the ${what}`, [logit], [row[best]], { tolerance, digits: 4, source }))
  }
  return findings
}

async function logitsOf(model: OpenModel, ids: readonly number[], hooks: HookTable = {}): Promise<Tensor> {
  let logits: Tensor | undefined
  await run(model.gpt2, [ids], { ...hooks, logits: async (x, ops) => void (logits = await ops.download(x)) })
  return logits!
}

function indexOfMax(row: Float32Array): number {
  return row.reduce((best, value, i) => (value > row[best] ? i : best), 0)
}

async function verifySplice(model: OpenModel, entry: Splice): Promise<Finding[]> {
  const { hook, source, text } = entry
  const ids = model.tokenize(text)
  return withSae(model, hook, async (sae) => {
    const spliced = splice(sae, hook)
    const about = { tolerance: entry.lossTolerance, digits: 5, source }
    const findings: Finding[] = []
    for (const [what, expected, hooks] of [
      ['clean', entry.clean, {}],
      ['with the SAE spliced in', entry.spliced, spliced],
      ['zero-ablated', entry.zeroAblated, { [hook]: zeroAblate }],
    ] as const) {
      const loss = await meanLoss(model.gpt2, ids, hooks)
      findings.push(nearly(`${hook}: mean loss, ${what}`, [expected], [loss], about))
    }
    for (const [when, tokens] of Object.entries(entry.next)) {
      const { indices, values } = await likeliest(
        model,
        ids,
        when === 'clean' ? {} : spliced,
        Object.keys(tokens).length,
      )
      const words = Array.from(indices, (id) => model.tokenizer.decode([id]))
      const about = { tolerance: entry.percentTolerance, digits: 2, source }
      const percents = Array.from(values, (p) => 100 * p)
      findings.push(
        exactly(`next tokens, ${when}`, JSON.stringify(Object.keys(tokens)), JSON.stringify(words), source),
        nearly(`their probabilities in %, ${when}`, Object.values(tokens), percents, about),
      )
    }
    return findings
  })
}

/** The `count` most probable tokens after a text, and their probabilities. */
async function likeliest({ gpt2 }: OpenModel, ids: readonly number[], hooks: HookTable, count: number) {
  let found: { indices: Uint32Array; values: Float32Array } | undefined
  const logits: Hook = async (x, ops) => void ([found] = await ops.topK(await ops.softmax(x), count))
  await run(gpt2, [ids], { ...hooks, logits }, { lastOnly: true })
  return found!
}

function verifyAlarm({ hook, asConfigured, best, hint }: Alarm): Finding[] {
  const name = ({ hook, centered }: Alarm['best']) => `${hook}, ${centered ? 'centred' : 'not centred'}`
  const own = name(asConfigured)
  const read = hint === undefined ? own : name(best)
  return [
    exactly(
      `${hook}: basis`,
      describeBasis({ centered: true }),
      describeBasis(asConfigured),
      'cfg.json of the release',
    ),
    exactly(`${hook}: the stream that its SAE reads best`, own, read, 'alarm'),
  ]
}

/** L0 and explained variance beside those of the release, whose texts are not known. */
function verifyRelease(
  { release, releaseSource: source }: Expected,
  { hook, asConfigured: { quality } }: Alarm,
): Finding[] {
  const known = release.get(hook)
  if (known === undefined) return []
  const about = { source, required: false }
  const [expected, got] = [known.explainedVariance, quality.explainedVariance]
  return [
    nearly(`${hook}: L0`, [known.l0], [quality.l0], { tolerance: 5, digits: 1, ...about }),
    nearly(`${hook}: explained variance`, [expected], [got], { tolerance: 0.1, digits: 3, ...about }),
  ]
}

/** A layer's categories, by the post or by us. */
type Side = readonly (ReplicationRow['published'] | ReplicationRow['ours'])[]

/** The post's numbers at those of its layers that are asked for. */
async function verifyPost(
  model: OpenModel,
  texts: readonly LabelledText[],
  hooks: readonly string[],
  quiet: boolean,
): Promise<Finding[]> {
  const ids = texts.map(({ text }) => model.tokenize(text))
  const results = await analyse(model, ids, {
    categories: rowsByCategory(texts),
    hooks,
    threshold: POST_THRESHOLD,
    quiet,
  })
  const rows = replicate(results.map(({ result }) => result.analysis))
  const source = 'the post’s notebook'
  const about = { tolerance: replicationTolerance, digits: 2, source }
  return [...Map.groupBy(rows, ({ layer }) => layer)].flatMap(([layer, rows]) => {
    const what = (name: string) => `the post, layer ${layer}: ${name}`
    const [post, ours]: Side[] = [rows.map(({ published }) => published), rows.map((row) => row.ours)]
    const features = (side: Side) => side.map(({ peak }) => peak?.feature).join(' ')
    const peaks = (side: Side) => side.map(({ peak }) => peak?.value ?? NaN)
    const sums = (side: Side) => side.map(({ aggregate_top5 }) => aggregate_top5)
    const specialists = (side: Side) =>
      side.map(({ specialist }) => `${specialist?.feature ?? ''}:${specialist?.score ?? ''}`).join(' ')
    return [
      exactly(what('peak features'), features(post), features(ours), source),
      nearly(what('peaks'), peaks(post), peaks(ours), about),
      nearly(what('sums of the top 5'), sums(post), sums(ours), about),
      exactly(what('specialists and their scores'), specialists(post), specialists(ours), source),
    ]
  })
}
