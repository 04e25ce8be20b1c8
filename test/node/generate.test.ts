import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { draw, generate, type SamplingOptions } from '../../gpt2/generate.ts'
import { capture, type Gpt2 } from '../../gpt2/model.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { startBackends } from '../helpers/backends.ts'
import { messageOf } from '../helpers/compare.ts'
import { countOps } from '../helpers/intercept.ts'
import { holds } from '../helpers/random.ts'
import { randomIds, smallConfig, smallGpt2 } from '../helpers/small-gpt2.ts'

const { nCtx, dVocab, bos } = smallConfig
const greedy = { temperature: 0 }

async function take(model: Gpt2, prompt: readonly number[], count: number, options?: SamplingOptions) {
  const ids: number[] = []
  for await (const id of generate(model, prompt, count, options)) ids.push(id)
  return ids
}

/** Greedy generation without a cache: the whole text through the model for each token. */
async function recompute(model: Gpt2, prompt: readonly number[], count: number): Promise<number[]> {
  const ids = [...prompt]
  while (ids.length < prompt.length + count) {
    const logits = (await capture(model, [ids], ['logits'])).get('logits')!.row(ids.length - 1)
    const best = logits.indexOf(Math.max(...logits))
    if (best === model.config.bos) break
    ids.push(best)
  }
  return ids.slice(prompt.length)
}

const models: { small: Gpt2; tiny: Awaited<ReturnType<typeof openModel>> }[] = []
for (const ops of await startBackends())
  models.push({ small: await smallGpt2(ops), tiny: await openModel('tiny', ops, { quiet: true }) })

const specification = models.find(({ small }) => small.ops.name === 'reference')!.tiny
const opening = specification.tokenize('Once upon a time, there was a little')
const story = await recompute(specification.gpt2, opening, 20)

for (const { small, tiny } of models) {
  const test = suite(`generate: ${small.ops.name}`)

  test('greedy: the most probable token each time, as full recomputation has it', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const prompt = randomIds(1 + 2 * seed, seed)
      const made = await take(small, prompt, 12, greedy)
      assert.equal(made, await recompute(small, prompt, 12))
      assert.equal(await take(small, prompt, 12, { ...greedy, seed: 99, topP: 0.1 }), made)
    }
  })

  test('greedy, trained weights: a story goes on, as the reference backend has it without a cache', async () => {
    const made = await take(tiny.gpt2, opening, 20, greedy)
    assert.equal(made, story)
    assert.match(tiny.tokenizer.decode(made), /^ [a-z]+/)
  })

  test('same seed, same text; another seed, another text', async () => {
    const prompt = randomIds(4, 1)
    const made = await take(small, prompt, 15, { seed: 7 })
    assert.equal(await take(small, prompt, 15, { seed: 7 }), made)
    assert.not.equal(await take(small, prompt, 15, { seed: 8 }), made)
    assert.equal(
      await take(small, prompt, 15),
      await take(small, prompt, 15, { seed: 0, temperature: 1, topP: 1 }),
    )
  })

  test('topK 1 and a small topP are greedy; a topK beyond the vocabulary is the vocabulary', async () => {
    const prompt = randomIds(4, 2)
    const best = await take(small, prompt, 10, greedy)
    assert.equal(await take(small, prompt, 10, { topK: 1, temperature: 3 }), best)
    assert.equal(await take(small, prompt, 10, { topP: 1e-9, temperature: 3 }), best)
    assert.equal(await take(small, prompt, 10, { temperature: 1e-6 }), best)
    const all = await take(small, prompt, 10, { temperature: 3, seed: 5 })
    assert.equal(await take(small, prompt, 10, { temperature: 3, seed: 5, topK: 10 * dVocab }), all)
  })

  test('stops at <|endoftext|>, which is not part of the text', async () => {
    const prompt = randomIds(4, 2)
    const free = await take(small, prompt, 10, { seed: 3, temperature: 2 })
    assert.is(free.length, 10)
    // The same model, whose end of text is a token that it is about to write.
    const ending = { ...small, config: { ...small.config, bos: free[6] } }
    assert.equal(
      await take(ending, prompt, 10, { seed: 3, temperature: 2 }),
      free.slice(0, free.indexOf(free[6])),
    )
    assert.not.ok(free.includes(bos!))
  })

  test('writes until the positions end, and one token more, which needs none', async () => {
    for (const length of [nCtx - 3, nCtx - 1, nCtx]) {
      const made = await take(
        { ...small, config: { ...small.config, bos: -1 } },
        randomIds(length, 1),
        100,
        greedy,
      )
      assert.is(made.length, nCtx - length + 1)
    }
    assert.equal(await take(small, randomIds(3, 1), 0), [])
  })

  test('a prompt that is empty, too long, or outside the vocabulary', async () => {
    assert.match(await messageOf(() => take(small, [], 5)), 'run: text 0 has no tokens')
    assert.match(
      await messageOf(() => take(small, randomIds(nCtx + 1, 1), 5)),
      `run: text 0 has ${nCtx + 1} tokens, but the model has ${nCtx} positions`,
    )
    assert.match(await messageOf(() => take(small, [dVocab], 5)), `id ${dVocab} is not in the vocabulary`)
  })

  test('the prompt goes through once, then each token alone; the caches are released, also on an early end', async () => {
    const spied = countOps(small.ops)
    const model = { ...small, ops: spied.ops }
    const count = (op: string) => spied.calls.get(op) ?? 0
    assert.is((await take(model, randomIds(5, 1), 4, greedy)).length, 4)
    assert.is(count('attention'), 4 * smallConfig.nLayers)
    assert.is(count('createCache'), 2 * smallConfig.nLayers)
    assert.is(count('release'), count('createCache'))
    for await (const id of generate(model, randomIds(5, 1), 4)) {
      assert.ok(id >= 0)
      break
    }
    assert.is(count('createCache'), 4 * smallConfig.nLayers)
    assert.is(count('release'), count('createCache'))
  })

  test.after(async () => {
    tiny.release()
    await small.ops.dispose()
  })
  test.run()
}

const sampling = suite('sampling')

sampling('options that are refused', async () => {
  const nowhere = models[0].small
  const message = (options: SamplingOptions) => messageOf(() => take(nowhere, [1], 1, options))
  for (const temperature of [-0.1, NaN])
    assert.is(await message({ temperature }), `generate: temperature must be 0 or more, got ${temperature}`)
  for (const topK of [0, -1, 1.5, NaN])
    assert.is(await message({ topK }), `generate: topK must be a whole number from 1, got ${topK}`)
  for (const topP of [0, 1.01, -1, NaN])
    assert.is(await message({ topP }), `generate: topP must be above 0 and at most 1, got ${topP}`)
  for (const seed of [0.5, NaN, Infinity, -1, 2 ** 32])
    assert.is(
      await message({ seed }),
      `random: the seed must be a whole number from 0 to 4294967295, got ${seed}`,
    )
})

/** Candidates as generate makes them: the most probable first. */
const anyCandidates = fc
  .array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 12 })
  .map((logits) => logits.sort((a, b) => b - a).map((logit, i) => ({ id: 100 + i, logit })))
const anyTemperature = fc.double({ min: 0.2, max: 5, noNaN: true })
const anyTopP = fc.double({ min: 0.01, max: 1, noNaN: true })

sampling('draw: each candidate gets its share of 0..1, in order', async () => {
  await holds(
    [anyCandidates, anyTemperature],
    (candidates, temperature) => {
      const weights = candidates.map(({ logit }) => Math.exp(logit / temperature))
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      let start = 0
      for (const [i, weight] of weights.entries()) {
        const share = weight / total
        for (const part of [0.01, 0.5, 0.99])
          if (share > 1e-6)
            assert.is(draw(candidates, { temperature }, start + part * share), candidates[i].id)
        start += share
      }
    },
    200,
  )
})

sampling('draw: topP keeps the fewest candidates that reach it, and rescales them', async () => {
  await holds(
    [anyCandidates, anyTemperature, anyTopP],
    (candidates, temperature, topP) => {
      const weights = candidates.map(({ logit }) => Math.exp((logit - candidates[0].logit) / temperature))
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      const drawn = new Set(
        Array.from({ length: 2001 }, (_, i) => draw(candidates, { temperature, topP }, i / 2001)),
      )
      const last = Math.max(...drawn) - 100
      const upTo = (end: number) => weights.slice(0, end).reduce((sum, weight) => sum + weight, 0) / total
      assert.ok(upTo(last) < topP, 'no candidate is kept that is not needed')
      // A candidate's share may lie between two of the 2001 points.
      const reached = upTo(last + 1)
      assert.ok(reached >= topP - 1 / 2001 - 1e-12, `${last + 1} candidates hold ${reached}`)
    },
    200,
  )
})

sampling('draw: a random number just below 1 gives the last candidate kept', () => {
  const even = [0, 0, 0].map((logit, id) => ({ id, logit }))
  assert.is(draw(even, {}, 1 - 2 ** -53), 2)
  assert.is(draw(even, { topP: 0.5 }, 1 - 2 ** -53), 1)
  assert.is(draw(even, {}, 0), 0)
})

sampling('draw: topP that is reached exactly keeps no more', () => {
  const even = [0, 0, 0, 0].map((logit, id) => ({ id, logit }))
  assert.is(draw(even, { topP: 0.5 }, 0.99), 1)
  assert.is(draw(even, { topP: 0.51 }, 0.99), 2)
})

sampling('draw: a candidate of probability 0 is never drawn', () => {
  const candidates = [0, -Infinity].map((logit, id) => ({ id, logit }))
  for (const random of [0, 0.5, 1 - 2 ** -53]) assert.is(draw(candidates, {}, random), 0)
})

sampling.run()
