// "Why this token?" in the worker: the numbers of npm run attribute, parts that add up, and what ends the work.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AttributionResults } from '../../experiments/attribution/results.ts'
import type { Answer, Request, WhyQuestion } from '../../experiments/explorer/protocol.ts'
import { runScript } from '../helpers/cli.ts'
import { startSession } from '../helpers/explorer.ts'

const TEXT = 'for i in range(10):'
const PREFIX = 'for i in'
const RANGE: WhyQuestion = { text: TEXT, position: 3, target: ' range', against: null }
const open: Request = { type: 'open', backend: { name: 'wasm', threads: 2 } }
const near = (found: number, expected: number, what: string) =>
  assert.ok(Math.abs(found - expected) < 1e-4, `${what}: ${found}, expected ${expected}`)

const scratch = await mkdtemp(join(tmpdir(), 'clearbox-explorer-why-'))
const { stdout, stderr, status } = runScript('experiments/attribution/main.ts', [
  ...['--text', PREFIX, '--target', ' range', '--against', ' i', '--steps', '1', '--ablate', '40'],
  ...['--json', '--out', scratch],
])
await rm(scratch, { recursive: true })
assert.is(status, 0, stderr)
const results = JSON.parse(stdout) as AttributionResults
const session = startSession()
await session.ask(open)
let ids = 0

/** The answers to one request. */
async function asked(request: WhyQuestion): Promise<Answer[]> {
  const before = session.answers.length
  await session.ask({ type: 'why', id: ++ids, ...request })
  return session.answers.slice(before)
}

async function why(request: WhyQuestion) {
  const [answer] = await asked(request)
  assert.ok(answer.type === 'why', JSON.stringify(answer))
  return answer.why
}

const test = suite('explorer: why this token')

test('the parts, heads, neurons and features are those of npm run attribute on the text up to there', async () => {
  const found = await why({ ...RANGE, against: ' i' })
  near(found.logit, results.logit, 'the difference of the logits')
  const part = (hook: string) => results.parts.find((part) => part.hook === hook)!.share
  near(found.embedding, part('hook_embed'), 'embedding')
  near(found.position, part('hook_pos_embed'), 'position')
  near(found.bias, part('ln_final.bias'), 'bias')
  for (const [layer, { attention, mlp, heads, sources }] of found.layers.entries()) {
    near(attention, part(`blocks.${layer}.hook_attn_out`), `attention of layer ${layer}`)
    near(mlp, part(`blocks.${layer}.hook_mlp_out`), `MLP of layer ${layer}`)
    const ofLayer = results.heads.filter((head) => head.layer === layer)
    assert.is(heads.length, ofLayer.length)
    for (const [head, { share, sources: expected }] of ofLayer.entries()) {
      near(heads[head], share, `head ${layer}.${head}`)
      for (const [token, source] of expected.entries()) near(sources[head][token], source, `source ${token}`)
    }
  }
  for (const [i, { layer, neuron, effect }] of found.neurons.entries()) {
    assert.equal(
      [`blocks.${layer}.mlp.hook_post`, neuron],
      [results.neurons[i].hook, results.neurons[i].neuron],
    )
    near(effect, results.neurons[i].share, `neuron ${layer}.${neuron}`)
  }
  let compared = 0
  for (const { hook, entries, features, bias, error } of found.saes) {
    const share = results.saes.find((one) => one.hook === hook)!
    near(features, share.features, `features of ${hook}`)
    near(bias, share.bias, `bias of ${hook}`)
    near(error, share.error, `error of ${hook}`)
    for (const { feature, activation, effect } of entries) {
      const row = results.features.find((one) => one.hook === hook && one.feature === feature)!
      near(effect, row.direct, `feature ${feature} of ${hook}`)
      if (row.position === 3) near(activation, row.activation, `activation of ${feature} of ${hook}`)
      compared++
    }
  }
  assert.ok(compared > 30, `${compared}`)
})

test('what the logit loses without a feature is the ablation of npm run attribute', async () => {
  const question = { ...RANGE, against: ' i' }
  const tried = results.features.filter(({ ablation }) => ablation !== null).slice(0, 6)
  const changes = tried.map(({ hook, feature }) => ({
    ...{ kind: 'off' as const, layer: Number(/\d+/.exec(hook)![0]), feature },
  }))
  await session.ask({ type: 'without', id: ++ids, ...question, changes })
  const answers = session.of('without').filter(({ id }) => id === ids)
  assert.equal(
    answers.map(({ change }) => change),
    changes,
  )
  for (const [i, { loss }] of answers.entries()) {
    near(loss, tried[i].ablation!, `feature ${tried[i].feature} of ${tried[i].hook}`)
    assert.ok(Math.abs(loss) > 1e-2, `${loss}`)
  }
})

test('parts add up to the logit, heads to their layer, an SAE’s to the stream’s; at BOS as well', async () => {
  for (const position of [0, 3, 7])
    for (const against of [null, ' i']) {
      const found = await why({ ...RANGE, position, against })
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
      near(found.sum, found.logit, `position ${position}`)
      near(
        found.embedding +
          found.position +
          found.bias +
          sum(found.layers.map(({ attention, mlp }) => attention + mlp)),
        found.logit,
        `parts at ${position}`,
      )
      for (const { heads, attentionBias, attention, sources } of found.layers) {
        near(sum(heads) + attentionBias, attention, 'heads')
        for (const [head, ofHead] of sources.entries())
          near(sum([...ofHead]), heads[head], `sources of ${head}`)
      }
      for (const { features, bias, error, sum: whole, entries } of found.saes) {
        near(features + bias + error, whole, 'an SAE')
        if (position > 0) near(sum(entries.map(({ effect }) => effect)), features, 'its features')
        else assert.equal(entries, [])
      }
    }
})

test('without a choice it is the likeliest token that is explained; one can be named by its id', async () => {
  const likeliest = await why({ ...RANGE, target: null })
  await session.ask({ type: 'run', id: ++ids, text: PREFIX, edit: [] })
  const { next } = session.of('run').at(-1)!.run
  assert.is(likeliest.target.id, next.indices[3 * next.perToken])
  const second = next.indices[3 * next.perToken + 1]
  const by = await why({ ...RANGE, target: null, against: second })
  assert.is(by.against!.id, second)
  assert.ok(by.logit > 0)
})

test('a token that there is not, and one against itself, are named', async () => {
  const cases: [Partial<WhyQuestion>, RegExp, RegExp][] = [
    [
      { target: ' range of' },
      /^“ range of” is 2 tokens: “ range” “ of”; the question is about one\.$/,
      /space/,
    ],
    [{ target: '' }, /^“” is no token; the question/, /space/],
    [{ target: 99_999 }, /^There is no token 99999\.$/, /^There are tokens 0 to 4096\.$/],
    [{ against: ' range' }, /^Both tokens are " range": their logits differ by 0\.$/, /another token/],
    [{ text: 'word '.repeat(400) }, /tokens; the model reads at most/, /Shorten/],
  ]
  for (const [part, message, advice] of cases) {
    const [answer] = await asked({ ...RANGE, ...part })
    assert.ok(answer.type === 'failed' && answer.id === ids, JSON.stringify(answer))
    assert.match(answer.failure.message, message)
    assert.match(answer.failure.advice, advice)
  }
  await session.ask({ type: 'without', id: ++ids, ...RANGE, changes: [{ kind: 'head', layer: 0, head: 99 }] })
  assert.match(session.of('failed').at(-1)!.failure.message, /Layer 0 has no head 99/)
})

test('the next change ends an explanation, and what is taken out for it, in the middle', async () => {
  const changes = Array.from({ length: 20 }, (_, i) => ({ kind: 'neuron' as const, layer: 1, neuron: i }))
  let next: Promise<void> | undefined
  const own = startSession({
    onAnswer(answer) {
      if (answer.type === 'without') next ??= own.session.handle({ type: 'run', id: 3, text: 'x', edit: [] })
    },
  })
  await own.ask(open)
  await own.ask({ type: 'without', id: 1, ...RANGE, changes })
  await next
  assert.is(own.of('without').length, 1)
  assert.is(own.of('run').length, 1)
  assert.equal(own.of('failed'), [])
  await Promise.all([
    own.session.handle({ type: 'why', id: 4, ...RANGE }),
    own.session.handle({ type: 'without', id: 4, ...RANGE, changes }),
    own.session.handle({ type: 'why', id: 5, ...RANGE, position: 2 }),
  ])
  assert.equal(
    own.of('why').map(({ id }) => id),
    [5],
  )
  assert.is(own.of('without').length, 1)
})

test.run()
