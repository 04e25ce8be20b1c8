// `npm run feature`: what a feature fires on, and what fires with it, on activations made by hand.
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { positiveEntries, type SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { featureColumns } from '../../experiments/lab/models/features.ts'
import { pearson } from '../../experiments/lab/analysis/statistics.ts'
import { activationStatistics } from '../../experiments/lab/analysis/features/activations.ts'
import { strongestTokens } from '../../experiments/lab/analysis/features/strongest-tokens.ts'
import { correlatedFeatures } from '../../experiments/lab/analysis/features/correlate.ts'
import { randomTensor } from '../helpers/random.ts'

const near = (actual: number, expected: number, limit = 1e-5) =>
  assert.ok(Math.abs(actual - expected) <= limit, `${actual}, expected ${expected}`)

/** Sparse features of texts of these lengths, BOS included: about a third of the numbers positive. */
function someFeatures(lengths: readonly number[], width: number, seed: number): SparseRows {
  const rows = lengths.reduce((sum, length) => sum + length, 0)
  return positiveEntries(randomTensor([rows, width], seed, 1, -0.4))
}

/** The numbers of one feature at every token but BOS. */
function withoutBos(features: Tensor, lengths: readonly number[], feature: number): number[] {
  let row = 0
  return lengths.flatMap((length) => {
    const rows = Array.from({ length: length - 1 }, (_, i) => features.row(row + 1 + i)[feature])
    row += length
    return rows
  })
}

const correlation = suite('correlated features')
const lengths = [5, 9, 2, 12]
const total = lengths.reduce((sum, length) => sum + length, 0)

correlation('are those that statistics.ts finds on the dense numbers, BOS left out', () => {
  const [own, others] = [randomTensor([total, 3], 1), randomTensor([total, 40], 2)]
  const relu = (x: Tensor) =>
    Tensor.of(
      x.shape,
      x.data.map((value) => Math.max(0, value)),
    )
  const column = featureColumns(positiveEntries(own), lengths, [1]).get(1)!
  const x = withoutBos(relu(own), lengths, 1)
  const expected = Array.from({ length: 40 }, (_, feature) => {
    const y = withoutBos(relu(others), lengths, feature)
    const together = y.filter((value, i) => value > 0 && x[i] > 0).length
    return { feature, correlation: pearson(x, y), together, firing_tokens: y.filter((v) => v > 0).length }
  })
    .filter(({ together }) => together >= 3)
    .sort((a, b) => b.correlation! - a.correlation!)
  const found = correlatedFeatures([column], positiveEntries(others), 40)[0]
  assert.ok(found.length > 30)
  assert.equal(
    found.map(({ correlation: _, ...rest }) => rest),
    expected.map(({ correlation: _, ...rest }) => rest),
  )
  for (const [i, { correlation }] of found.entries()) near(correlation, expected[i].correlation!, 1e-12)
  assert.equal(correlatedFeatures([column], positiveEntries(others), 7)[0], found.slice(0, 7))
})

correlation(
  'a feature that repeats it at double strength comes first; two tokens in common are not enough',
  () => {
    const own = someFeatures(lengths, 2, 4)
    const column = featureColumns(own, lengths, [0]).get(0)!
    const dense = randomTensor([total, 6], 5, 1, -0.7)
    let row = 0
    const meet = [0, 0]
    for (const text of column)
      for (const [token, value] of text.entries()) {
        dense.row(row)[3] = 2 * value
        // Feature 4 repeats it on two tokens only; BOS, where it fires with everything, does not count.
        dense.row(row)[4] = token === 0 ? 9 : value > 0 && meet[0]++ < 2 ? value : 0
        dense.row(row++)[5] = 1
      }
    const found = correlatedFeatures([column], positiveEntries(dense), 10)[0]
    assert.is(found[0].feature, 3)
    near(found[0].correlation, 1, 1e-12)
    assert.ok(!found.some(({ feature }) => feature === 4), 'two tokens in common')
    assert.ok(!found.some(({ feature }) => feature === 5), 'a feature that never changes')
  },
)
correlation(
  'a feature that is the same on every token correlates with nothing, though rounding leaves it a variance',
  () => {
    const tokens = Array.from({ length: 3000 }, (_, i) => i + 1)
    const rising = [Float32Array.of(0, ...tokens)]
    const constant = [Float32Array.of(0, ...tokens.map(() => 0.1))]
    const others = positiveEntries(Tensor.of([3001, 2], [0, 0, ...tokens.flatMap((token) => [token, 0.1])]))
    const [[varies, ...rest], withConstant] = correlatedFeatures([rising, constant], others, 5)
    assert.is(varies.feature, 0)
    assert.equal(rest, [])
    assert.equal(withConstant, [])
  },
)

correlation('however quiet the two are, their correlation is the same', () => {
  const quiet = (numbers: readonly number[]) => numbers.map((value) => value * 2 ** -20)
  const [x, y] = [
    [0, 1, 2, 4, 0],
    [0, 3, 4, 9, 1],
  ]
  const found = ([x, y]: number[][]) =>
    correlatedFeatures([[Float32Array.from(x)]], positiveEntries(Tensor.of([5, 1], y)), 1)[0]
  assert.equal(found([x, y].map(quiet)), found([x, y]))
  assert.is(found([x, y]).length, 1)
})

correlation(
  'a feature that varies by less than rounding leaves is left out, and is no correlation of infinity',
  () => {
    const next = Math.fround(0.1 * (1 + 2 ** -23))
    const found = Array.from({ length: 60 }, (_, i) => {
      const tokens = Array.from({ length: i + 4 }, (_, token) => token)
      const x = Float32Array.of(0, ...tokens.map((token) => 1 + (token % 3)))
      const y = [0, ...tokens.map((token) => (token === 0 ? next : 0.1))]
      return correlatedFeatures([[x]], positiveEntries(Tensor.of([y.length, 1], y)), 1)[0]
    })
    assert.ok(found.some(({ length }) => length === 0))
    for (const { correlation } of found.flat()) assert.ok(Math.abs(correlation) <= 1, `${correlation}`)
  },
)

correlation.run()

const activations = suite('activations')
const pieces = (column: readonly ArrayLike<number>[]) =>
  column.map(({ length }, text) => Array.from({ length }, (_, i) => (i === 0 ? 'BOS' : `t${text}.${i}`)))

activations('density, maximum, texts and quantile examples of activations made by hand', () => {
  const column = [
    [0, 1, 0],
    [0, 8, 4, 0],
    [0, 0],
    [0, 0, 6.5],
    [0, 2.5],
    [0, 0.1],
  ].map((text) => Float32Array.from(text))
  const figures = activationStatistics(column, pieces(column))
  assert.equal([figures.tokens, figures.firing_tokens, figures.density, figures.max], [10, 6, 0.6, 8])
  near(figures.mean_where_it_fires!, (1 + 8 + 4 + 6.5 + 2.5 + 0.1) / 6)
  assert.equal(
    figures.firing_texts.map(({ text }) => text),
    [1, 3, 4, 0, 5],
  )
  assert.equal(figures.firing_texts[0], {
    text: 1,
    max: 8,
    position: 1,
    token: 't1.1',
    mean: 4,
    firing_tokens: 2,
  })
  // Nearest to 8, 6, 4 and 2: text 1, text 3 (6.5), text 4 (2.5), then of what is left text 0 (1).
  assert.equal(
    figures.quantile_examples.map(({ share, text }) => [share, text]),
    [
      [1, 1],
      [0.75, 3],
      [0.5, 4],
      [0.25, 0],
    ],
  )
  // Bins of 0.4: 0.1 in the first, 1 in the third, 4 on the edge of the tenth.
  assert.equal(
    [0, 2, 6, 9, 16, 19].map((bin) => figures.histogram.counts[bin]),
    [1, 1, 1, 1, 1, 1],
  )
})

activations('a feature that fires nowhere has no maximum, no texts and an empty histogram', () => {
  const column = [new Float32Array(3), new Float32Array(2)]
  const figures = activationStatistics(column, pieces(column))
  assert.equal([figures.density, figures.max, figures.mean_where_it_fires], [0, null, null])
  assert.equal([figures.firing_texts, figures.quantile_examples], [[], []])
  assert.is(Math.max(...figures.histogram.counts), 0)
})

activations(
  'the token on which a feature fires most, of all texts; BOS never counts, the first of equals does',
  () => {
    const texts = [
      ['BOS', 'a', 'b'],
      ['BOS', 'c', 'd', 'e'],
    ]
    // Three features over seven tokens: the first fires most at BOS, the second nowhere, the third twice alike.
    const rows = [[9, 0, 0], [1, 0, 2], [0, 0, 5], [9, 0, 0], [3, 0, 5], [2, 0, 0], [0, 0, 1]] // prettier-ignore
    const tokens = strongestTokens(positiveEntries(Tensor.of([7, 3], rows.flat())), texts)
    assert.equal([...tokens].sort(), [[0, 'c'], [2, 'b']]) // prettier-ignore
  },
)

activations('BOS never counts, and every firing token stands in one bin and one text', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 2, max: 9 }), { minLength: 1, maxLength: 6 }),
      fc.nat(),
      (lengths, seed) => {
        const features = someFeatures(lengths, 4, seed)
        const column = featureColumns(features, lengths, [1, 2]).get(2)!
        assert.ok(column.every((text) => text[0] === 0))
        const { histogram, ...figures } = activationStatistics(column, pieces(column))
        const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
        assert.is(sum(histogram.counts), figures.firing_tokens)
        assert.is(sum(figures.firing_texts.map(({ firing_tokens }) => firing_tokens)), figures.firing_tokens)
        assert.is(
          new Set(figures.quantile_examples.map(({ text }) => text)).size,
          figures.quantile_examples.length,
        )
      },
    ),
    { numRuns: 200, seed: 1 },
  )
})
activations.run()
