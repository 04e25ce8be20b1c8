import * as fc from 'fast-check'
import { rows } from '../cases.ts'
import { exercise } from '../exercise.ts'
import { byReference } from '../reference.ts'
import { attentionAs, type Variant } from './plain.ts'

const as = (variant: Variant) => (q: number[][], k: number[][], v: number[][], heads: number) =>
  attentionAs(q, k, v, heads, variant)

/** q, k and v of a text, and the number of heads. */
export const anyQkv = fc
  .record({
    tokens: fc.integer({ min: 1, max: 4 }),
    heads: fc.constantFrom(1, 2),
    dHead: fc.constantFrom(1, 2, 3),
  })
  .chain(({ tokens, heads, dHead }) => {
    const one = rows(tokens, heads * dHead)
    return fc.tuple(one, one, one, fc.constant(heads))
  })

export async function referenceAttention(
  q: number[][],
  k: number[][],
  v: number[][],
  heads: number,
): Promise<number[][]> {
  const texts = [{ queries: q.length, keys: k.length }]
  return byReference((ops, upload) => ops.attention(upload(q), upload(k), upload(v), heads, texts))
}

export const attention = exercise({
  name: 'attention',
  title: 'Let each token look back',
  difficulty: 2,
  minutes: 25,
  read: ['engine/reference/attention.ts', 'gpt2/attention.ts'],
  predict: 'What does the first token get, whatever its query is?',
  answer:
    'Its own value. It sees one key only, and one share of 1 is 1. That is why BOS, always first, can hold no news of the text.',
  hints: [
    'Head h owns the columns from h * dHead to (h + 1) * dHead, where dHead = dModel / heads.',
    'For each head and token there are three steps: its scores, one for each key that it may see; their softmax; the values of those same tokens, mixed by these shares. Which keys may token t see, and what are its scores divided by?',
  ],
  exported: 'attention',
  parameters: ['q', 'k', 'v', 'heads'],
  cases: anyQkv,
  right: referenceAttention,
  mistakes: {
    'A token does not look at itself: the keys end one too early, and the first token sees nothing.': as({
      blind: true,
    }),
    'A token looks at what lies ahead: that is not causal.': as({ sighted: true }),
    'What lies ahead scores 0, and exp(0) is 1: it has to be left out, or to score minus infinity.': as({
      zeroed: true,
    }),
    'exp(score) is not divided by the sum of all: shares must sum to 1.': as({ undivided: 'raw' }),
    'exp(score - largest) is not divided by the sum of all: shares must sum to 1.': as({
      undivided: 'shifted',
    }),
    'The scores are not divided by sqrt(dHead).': as({ unscaled: true }),
    'The scores are divided by sqrt(dModel): a head has dHead numbers.': as({ scaledByWidth: true }),
    'The heads are swapped with the numbers in them: head h owns columns side by side, not every h-th one.':
      as({
        interleaved: true,
      }),
  },
})
