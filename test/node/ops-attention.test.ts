import fc from 'fast-check'
import { suite } from 'uvu'
import type { TextSpan } from '../../engine/backend.ts'
import { Tensor } from '../../engine/tensor.ts'
import { startBackends } from '../helpers/backends.ts'
import { checkOp, checkSameBits } from '../helpers/compare.ts'
import { hostOps } from '../helpers/host-ops.ts'
import * as naive from '../helpers/naive.ts'
import { anySeed, holds, randomTensor } from '../helpers/random.ts'

/** Texts of different lengths; some have keys from a cache before their first query, some nothing new at all. */
const anyTexts = fc.array(
  fc.record({ queries: fc.nat(9), past: fc.constantFrom(0, 0, 1, 4, 15, 18) }).map(({ queries, past }) => ({
    queries,
    keys: past + queries,
  })),
  { minLength: 1, maxLength: 4 },
)
const anyHeads = fc.constantFrom(1, 2, 3, 4, 12)
const anyHeadWidth = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 64)

interface Inputs {
  readonly q: Tensor
  readonly k: Tensor
  readonly v: Tensor
}

function randomInputs(texts: readonly TextSpan[], width: number, seed: number, scale = 2): Inputs {
  const queries = texts.reduce((sum, text) => sum + text.queries, 0)
  const keys = texts.reduce((sum, text) => sum + text.keys, 0)
  return {
    q: randomTensor([queries, width], seed, scale),
    k: randomTensor([keys, width], seed + 1, scale),
    v: randomTensor([keys, width], seed + 2),
  }
}

for (const ops of await startBackends()) {
  const test = suite(`ops, attention: ${ops.name}`)
  const host = hostOps(ops)
  test.after(() => ops.dispose())

  const checkAll = async ({ q, k, v }: Inputs, heads: number, texts: readonly TextSpan[]) => {
    await checkOp(
      ops,
      (host) => host.attentionPattern(q, k, heads, texts),
      naive.naivePattern(q, k, heads, texts),
    )
    await checkOp(
      ops,
      (host) => host.attention(q, k, v, heads, texts),
      naive.naiveAttention(q, k, v, heads, texts),
    )
    const pattern = await host.attentionPattern(q, k, heads, texts)
    const mixed = naive.naiveMix(pattern, v, heads, texts)
    await checkOp(ops, (host) => host.attentionMix(pattern, v, heads, texts), mixed)
  }

  test('half the scale is half of q, to the bit', async () => {
    const texts = [{ queries: 9, keys: 13 }, { queries: 2, keys: 2 }] // prettier-ignore
    for (const dHead of [5, 16]) {
      const { q, k, v } = randomInputs(texts, 3 * dHead, dHead)
      const half = new Tensor(q.shape, q.data.map((value) => value / 2)) // prettier-ignore
      const scale = 0.5 / Math.sqrt(dHead)
      checkSameBits(
        await host.attentionPattern(q, k, 3, texts, scale),
        await host.attentionPattern(half, k, 3, texts),
      )
      checkSameBits(
        await host.attention(q, k, v, 3, texts, scale),
        await host.attention(half, k, v, 3, texts),
      )
    }
  })

  test('texts of different lengths, cached ones too, one head to many', async () => {
    await holds([anyTexts, anyHeads, anyHeadWidth, anySeed], (texts, heads, dHead, seed) =>
      checkAll(randomInputs(texts, heads * dHead, seed), heads, texts),
    )
  })

  test('GPT-2’s heads on 131 tokens, and one new token behind 200', async () => {
    for (const text of [
      { queries: 131, keys: 131 },
      { queries: 1, keys: 201 },
    ])
      await checkAll(randomInputs([text], 128, 1), 2, [text])
  })

  test('scores large enough for one key to take all', async () => {
    const texts = [{ queries: 17, keys: 19 }]
    await checkAll(randomInputs(texts, 32, 1, 20), 4, texts)
  })

  test('the pattern is causal: exactly 0 ahead, and each row a probability', async () => {
    await holds([anyTexts, anyHeads, anySeed], async (texts, heads, seed) => {
      const { q, k } = randomInputs(texts, heads * 8, seed)
      const pattern = await host.attentionPattern(q, k, heads, texts)
      const [, queries, longest] = pattern.shape
      const visible = texts.flatMap(({ queries, keys }) =>
        Array.from({ length: queries }, (_, i) => keys - queries + i + 1),
      )
      for (let head = 0; head < heads; head++)
        for (const [query, seen] of visible.entries()) {
          const at = (head * queries + query) * longest
          const row = pattern.data.subarray(at, at + longest)
          checkSameBits(
            Tensor.of([longest - seen], row.subarray(seen)),
            Tensor.zeros([longest - seen]),
            'ahead',
          )
          const sum = row.reduce((total, p) => total + p, 0)
          if (Math.abs(sum - 1) > 1e-5)
            throw new Error(`head ${head}, query ${query}: the row sums to ${sum}`)
        }
    })
  })

  test('in one step or in two: the same bits', async () => {
    await holds([anyTexts, anyHeads, anyHeadWidth, anySeed], async (texts, heads, dHead, seed) => {
      const { q, k, v } = randomInputs(texts, heads * dHead, seed)
      const pattern = await host.attentionPattern(q, k, heads, texts)
      checkSameBits(
        await host.attention(q, k, v, heads, texts),
        await host.attentionMix(pattern, v, heads, texts),
      )
    })
  })

  test('several texts at once: each has the bits that it has alone', async () => {
    await holds([anyTexts, anyHeads, anyHeadWidth, anySeed], async (texts, heads, dHead, seed) => {
      const { q, k, v } = randomInputs(texts, heads * dHead, seed)
      const all = await host.attention(q, k, v, heads, texts)
      let [query, key] = [0, 0]
      for (const text of texts) {
        const [queries, keys] = [q.rows(query, query + text.queries), k.rows(key, key + text.keys)]
        const alone = await host.attention(queries, keys, v.rows(key, key + text.keys), heads, [text])
        checkSameBits(alone, all.rows(query, query + text.queries), JSON.stringify(text))
        query += text.queries
        key += text.keys
      }
    })
  })

  test('with a cache, one query at a time: the bits of all at once', async () => {
    await holds(
      [fc.integer({ min: 1, max: 40 }), anyHeads, anyHeadWidth, anySeed],
      async (tokens, heads, dHead, seed) => {
        const text = { queries: tokens, keys: tokens }
        const { q, k, v } = randomInputs([text], heads * dHead, seed)
        const all = await host.attention(q, k, v, heads, [text])
        for (let t = 0; t < tokens; t++) {
          const step = await host.attention(q.rows(t, t + 1), k.rows(0, t + 1), v.rows(0, t + 1), heads, [
            { queries: 1, keys: t + 1 },
          ])
          checkSameBits(step, all.rows(t, t + 1), `query ${t}`)
        }
      },
      15,
    )
  })

  test('one new token behind few and many: the bits of the last of all, in one step and in two', async () => {
    for (const [keys, dHead] of [
      [15, 16],
      [16, 16],
      [17, 64],
      [140, 8],
      [150, 144],
      [391, 64],
    ]) {
      // prettier-ignore
      const { q, k, v } = randomInputs([{ queries: keys, keys }], 3 * dHead, keys)
      const [text, last] = [[{ queries: 1, keys }], q.rows(keys - 1, keys)]
      const all = await host.attention(q, k, v, 3, [{ queries: keys, keys }])
      checkSameBits(await host.attention(last, k, v, 3, text), all.rows(keys - 1, keys), `${keys} keys`)
      const pattern = await host.attentionPattern(last, k, 3, text)
      checkSameBits(await host.attentionMix(pattern, v, 3, text), all.rows(keys - 1, keys), 'in two steps')
    }
  })

  test('a query sees nothing of what lies ahead, NaN and infinity included', async () => {
    const texts = [
      { queries: 6, keys: 6 },
      { queries: 3, keys: 5 },
    ]
    const { q, k, v } = randomInputs(texts, 24, 1)
    const before = await host.attention(q, k, v, 3, texts)
    for (const poison of [NaN, Infinity, 1e30]) {
      const [k2, v2] = [new Tensor(k.shape, k.data.slice()), new Tensor(v.shape, v.data.slice())]
      k2.row(4).fill(poison)
      v2.row(4).fill(poison)
      const after = await host.attention(q, k2, v2, 3, texts)
      checkSameBits(after.rows(0, 4), before.rows(0, 4), 'queries before')
      checkSameBits(after.rows(6, 9), before.rows(6, 9), 'the other text')
      const seen = naive.naiveAttention(q, k2, v2, 3, texts)
      if (poison !== 1e30) await checkOp(ops, (host) => host.attention(q, k2, v2, 3, texts), seen)
    }
  })

  test.run()
}
