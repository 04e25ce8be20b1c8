import * as fc from 'fast-check'
import { exercise } from '../exercise.ts'
import { meanShare, searchModel, type FindHead, type Patterns } from './search.ts'

type Measure = (pattern: number[][], distance: number) => number

/** Every head's measure, the largest first. */
const ranked = (patterns: Patterns, measure: (pattern: number[][]) => number) =>
  patterns
    .flatMap((heads, layer) => heads.map((pattern, head) => ({ layer, head, measure: measure(pattern) })))
    .sort((a, b) => b.measure - a.measure)

const by =
  (measure: Measure) =>
  (patterns: Patterns, distance: number): [layer: number, head: number] => {
    const [{ layer, head }] = ranked(patterns, (pattern) => measure(pattern, distance))
    return [layer, head]
  }

/** A causal pattern: row t has shares for tokens 0 to t, which sum to 1. */
function anyPattern(tokens: number): fc.Arbitrary<number[][]> {
  const row = (query: number) =>
    fc
      .array(fc.integer({ min: 0, max: 8 }), { minLength: query + 1, maxLength: query + 1 })
      .map((weights) => {
        const sum = weights.reduce((sum, weight) => sum + weight, 0)
        return Array.from({ length: tokens }, (_, key) =>
          key > query ? 0 : sum === 0 ? 1 / (query + 1) : weights[key] / sum,
        )
      })
  return fc.tuple(...Array.from({ length: tokens }, (_, query) => row(query)))
}

const isClear = (patterns: Patterns, distance: number): boolean => {
  const [first, second] = ranked(patterns, (pattern) => meanShare(pattern, distance))
  return first.measure - second.measure > 1e-3
}

export const findHead = exercise({
  name: 'find-head',
  title: 'Find the head that looks at the token before',
  difficulty: 2,
  minutes: 20,
  read: ['gpt2/visible-attention.ts', 'experiments/lab/models/change-hooks.ts'],
  predict:
    'A head that has nothing to look for looks at BOS. At which token could such a head be mistaken for one that looks at the previous token?',
  answer:
    'At the first token after BOS, whose previous token is BOS. So that row is left out. And a pattern says where a head looks, not what the model makes of it: switch the head off to see that.',
  hints: [
    'Within one pattern the shares you want lie on a line below the diagonal: query q and key q - distance.',
    'On that line, which queries look at BOS? Take the mean over the others, for every head, and keep the largest and where it was.',
  ],
  exported: 'findHead',
  parameters: ['patterns', 'distance'],
  cases: fc
    .record({
      layers: fc.integer({ min: 1, max: 3 }),
      heads: fc.integer({ min: 2, max: 3 }),
      distance: fc.integer({ min: 1, max: 2 }),
      more: fc.integer({ min: 2, max: 4 }),
    })
    .chain(({ layers, heads, distance, more }) => {
      const layer = fc.array(anyPattern(distance + more), { minLength: heads, maxLength: heads })
      return fc.tuple(fc.array(layer, { minLength: layers, maxLength: layers }), fc.constant(distance))
    })
    .filter(([patterns, distance]) => isClear(patterns, distance)),
  right: by(meanShare),
  mistakes: {
    'Queries that look at BOS are counted: leave them out, for heads rest there.': by((pattern, distance) =>
      meanShare(pattern, distance, distance),
    ),
    'Queries and keys are swapped: what lies ahead of a query is always 0.': by((pattern, distance) =>
      meanShare(
        pattern[0].map((_, key) => pattern.map((row) => row[key])),
        distance,
      ),
    ),
    'The distance is one too small: with distance 1 a token looks at the one before it, not at itself.': by(
      (pattern, distance) => meanShare(pattern, distance - 1, distance + 1),
    ),
    'The distance is not used: always the token just before is looked at.': by((pattern) =>
      meanShare(pattern, 1),
    ),
    'The largest single share decides. One row is an accident: take the mean.': by((pattern, distance) =>
      Math.max(...pattern.slice(distance + 1).map((row, i) => row[i + 1])),
    ),
    'Layer and head are swapped in what is returned.': (patterns: Patterns, distance: number) =>
      by(meanShare)(patterns, distance).reverse(),
  },
  async afterwards(written) {
    const { before, even, cost, followed } = await searchModel(written as unknown as FindHead)
    return (
      `The bundled model, on our own texts: head ${before.head} of block ${before.layer} gives ${before.share.toFixed(2)} of its attention to the token before; ` +
      `equal shares would give ${even.toFixed(2)}. Switched off, it changes the loss by ${cost.toFixed(3).replace('-', '−')} nats per token. ` +
      'An induction head looks at what followed when this token was last read. On the same texts written twice, ' +
      `head ${followed.head} of block ${followed.layer} does so most: ${followed.share.toFixed(2)}. ` +
      'In GPT-2 small some heads give most of their attention there: this model has no induction head.'
    )
  },
})
