import { exercise } from '../exercise.ts'
import { anyQkv, referenceAttention } from '../attention/exercise.ts'
import { attentionAs } from '../attention/plain.ts'

interface Cache {
  keys: number[][]
  values: number[][]
}
type Step = (cache: Cache, q: number[], k: number[], v: number[], heads: number) => number[]

/** The whole text through the reader's function, token by token. */
function stepByStep(step: Step) {
  return (q: number[][], k: number[][], v: number[][], heads: number): number[][] => {
    const cache: Cache = { keys: [], values: [] }
    return q.map((query, t) => step(cache, query, k[t], v[t], heads))
  }
}

/** What the last query gets of these keys and values. */
function last(q: number[], keys: number[][], values: number[][], heads: number): number[] {
  const zero = q.map(() => 0)
  const queries = keys.map((_, t) => (t === keys.length - 1 ? q : zero))
  return attentionAs(queries, keys, values, heads).at(-1) ?? zero
}

export const kvCache = exercise({
  name: 'kv-cache',
  title: 'Continue a text without reading it again',
  difficulty: 2,
  minutes: 15,
  read: ['gpt2/generate.ts', 'gpt2/attention.ts'],
  predict:
    'To write token 100, which part of the work for tokens 0 to 99 need not be done again, and why not?',
  answer:
    'All of it. Of those tokens only the keys and values are still needed, and they are kept. Attention is causal, so nothing before token 100 changes when it is added. What remains is one row through every matrix, and one query against 101 keys. At short lengths that is hardly faster per token: every weight is still read once from memory.',
  hints: [
    'Append k and v to the cache first: the new token looks at itself too.',
    'Then it is attention with one query. What in the cache lies ahead of it, and what does that leave of the mask?',
  ],
  exported: 'attendNext',
  parameters: ['q', 'k', 'v', 'heads'],
  cases: anyQkv,
  call: (written) => stepByStep(written as unknown as Step),
  right: referenceAttention,
  mistakes: {
    'The new token’s own key and value are appended too late: it does not look at itself.': stepByStep(
      (cache, q, k, v, heads) => {
        const out = last(q, cache.keys, cache.values, heads)
        cache.keys.push(k)
        cache.values.push(v)
        return out
      },
    ),
    'Nothing stays in the cache: the new token sees only itself.': stepByStep((_, q, k, v, heads) =>
      last(q, [k], [v], heads),
    ),
    'The values are kept and the keys are not: every value gets the same share.': stepByStep(
      (cache, q, k, v, heads) => {
        cache.values.push(v)
        const keys = cache.values.map(() => k)
        return last(q, keys, cache.values, heads)
      },
    ),
  },
})
