// The post's analysis: against a naive one on dense arrays, under permutations, and at its edges.
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { positiveEntries, type SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { analyseLayer, gini } from '../../experiments/lab/analysis/analyse-layer.ts'
import { compareLayers } from '../../experiments/black-box/compare-layers.ts'
import { readFeatures, rowsByCategory, type Category } from '../../experiments/lab/analysis/input.ts'
import type { LayerAnalysis } from '../../experiments/lab/analysis/layer-analysis.ts'
import { parseThreshold, resolveThreshold, showThreshold } from '../../experiments/lab/analysis/threshold.ts'
import { naiveAnalysis } from '../naive-analysis.ts'
import { ofCategory } from '../../experiments/lab/analysis/by-category.ts'

fc.configureGlobal({ seed: 20, numRuns: 300 })

const sparse = (dense: readonly (readonly number[])[], width = dense[0].length): SparseRows =>
  positiveEntries(Tensor.of([dense.length, width], dense.flat()))

/** Categories of the given sizes, their rows one behind the other. */
const inOrder = (sizes: readonly number[]): Category[] =>
  sizes.map((size, c) => {
    const before = sizes.slice(0, c).reduce((sum, other) => sum + other, 0)
    return { name: `category ${c}`, rows: Array.from({ length: size }, (_, i) => before + i) }
  })

interface Case {
  dense: number[][]
  categories: Category[]
  threshold: number
}

/** Small cases; `activation` gives the activations, of which it may repeat some: ties. */
const cases = (activations: (count: number) => fc.Arbitrary<number[]>): fc.Arbitrary<Case> =>
  fc
    .tuple(
      fc.array(fc.nat(4), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(0, 0.5, 2, 5, 1000),
    )
    .chain(([sizes, width, threshold]) => {
      const texts = sizes.reduce((sum, size) => sum + size, 0)
      return activations(texts * width).map((numbers) => ({
        dense: Array.from({ length: texts }, (_, row) => numbers.slice(row * width, (row + 1) * width)),
        categories: inOrder(sizes),
        threshold,
      }))
    })

/** Few different activations, so that every tie rule is met. */
const withTies = cases((count) =>
  fc.array(fc.constantFrom(0, 0, 0, 0.5, 1, 5, 7.25), { minLength: count, maxLength: count }),
)

/** About half of the activations 0, no two others alike: nothing depends on the order of rows or features. */
const withoutTies = cases((count) =>
  fc
    .uniqueArray(fc.integer({ min: -80, max: 80 }), { minLength: Math.min(count, 1), maxLength: count })
    .map((numbers) =>
      Array.from({ length: count }, (_, i) => (i < numbers.length ? Math.max(0, numbers[i] / 8) : 0)),
    )
    .chain((numbers) => fc.shuffledSubarray(numbers, { minLength: count, maxLength: count })),
)

const analyse = ({ dense, categories, threshold }: Case): LayerAnalysis =>
  analyseLayer(sparse(dense, dense[0]?.length ?? 1), categories, threshold, 3)

const permutation = (length: number): fc.Arbitrary<number[]> => {
  const order = Array.from({ length }, (_, i) => i)
  return fc.shuffledSubarray(order, { minLength: length, maxLength: length })
}

const analysis = suite('analysis')

analysis('agrees with a naive implementation on dense arrays, ties included', () => {
  fc.assert(
    fc.property(withTies, (one) => {
      const { categories, ...layer } = analyse(one)
      const { categories: expectedCategories, ...expected } = naiveAnalysis(one, 3)
      assert.equal(layer, expected)
      assert.is(categories.length, expectedCategories.length)
      for (const [c, { gini_top5, ...category }] of categories.entries()) {
        const { gini_top5: expectedGini, ...others } = expectedCategories[c]
        assert.equal(category, others)
        assert.ok(Math.abs(gini_top5 - expectedGini) < 1e-12, `Gini ${gini_top5} and ${expectedGini}`)
      }
    }),
  )
})

analysis('follows its texts when they are permuted, within and across categories', () => {
  const permuted = withoutTies.chain((one) => permutation(one.dense.length).map((order) => ({ one, order })))
  fc.assert(
    fc.property(permuted, ({ one, order }) => {
      // Text `row` moves to row order[row]; its category goes with it.
      const dense: number[][] = []
      one.dense.forEach((text, row) => (dense[order[row]] = text))
      const categories = one.categories.map(({ name, rows }) => ({
        name,
        rows: rows.map((row) => order[row]),
      }))
      const expected = analyse(one)
      if (expected.strongest) expected.strongest.text = order[expected.strongest.text]
      for (const firing of Object.values(expected.firing_texts))
        for (const entry of firing) entry[0] = order[entry[0]]
      assert.equal(analyse({ ...one, dense, categories }), expected)
    }),
  )
})

analysis('follows the order of the categories, and nothing else depends on it', () => {
  const permuted = withoutTies.chain((one) =>
    permutation(one.categories.length).map((order) => ({ one, order })),
  )
  fc.assert(
    fc.property(permuted, ({ one, order }) => {
      const categories = order.map((c) => one.categories[c])
      const expected = analyse(one)
      assert.equal(analyse({ ...one, categories }), {
        ...expected,
        categories: order.map((c) => expected.categories[c]),
      })
    }),
  )
})

analysis('follows its features when they are renumbered', () => {
  const renumbered = withoutTies.chain((one) =>
    permutation(one.dense[0]?.length ?? 1).map((order) => ({ one, order })),
  )
  fc.assert(
    fc.property(renumbered, ({ one, order }) => {
      const dense = one.dense.map((text) => {
        const moved: number[] = []
        text.forEach((value, feature) => (moved[order[feature]] = value))
        return moved
      })
      assert.equal(analyse({ ...one, dense }), renumber(analyse(one), order))
    }),
  )
})

/** The same analysis with feature f called order[f]. */
function renumber(result: LayerAnalysis, order: readonly number[]): LayerAnalysis {
  const moved = <T extends { feature: number }>(found: T | null): T | null =>
    found && { ...found, feature: order[found.feature] }
  return {
    ...result,
    strongest: moved(result.strongest),
    most_frequent: moved(result.most_frequent),
    most_selective: moved(result.most_selective),
    top5_strongest: result.top5_strongest.map(([feature, value]) => [order[feature], value]),
    categories: result.categories.map(({ peak, specialist, full_search, ...figures }) => {
      const features = full_search.features.map((feature) => order[feature]).sort((a, b) => a - b)
      const found = {
        peak: moved(peak),
        specialist: moved(specialist),
        full_search: { ...full_search, features },
      }
      return { ...figures, ...found }
    }),
    firing_texts: Object.fromEntries(
      Object.entries(result.firing_texts).map(([feature, firing]) => [order[Number(feature)], firing]),
    ),
  }
}

analysis('keeps every figure within its bounds', () => {
  fc.assert(
    fc.property(withTies, (one) => {
      const result = analyse(one)
      for (const { name, rows } of one.categories) {
        const { peak, peak_to_aggregate, aggregate_top5, gini_top5, specialist, full_search } = ofCategory(
          result.categories,
          name,
        )
        if (!peak || !specialist || peak_to_aggregate === null || full_search.best_score === null) continue
        const others = one.dense.length - rows.length
        assert.ok(specialist.score >= -others && specialist.score <= rows.length)
        assert.ok(specialist.value <= peak.value && peak.value <= result.strongest!.value)
        assert.ok(specialist.score <= full_search.best_score)
        assert.ok(full_search.best_score <= result.most_selective!.score)
        assert.ok(aggregate_top5 >= peak.value && aggregate_top5 <= 5 * peak.value)
        assert.ok(peak_to_aggregate >= 0.2 && peak_to_aggregate <= 1)
        assert.ok(gini_top5 >= 0 && gini_top5 <= 0.8)
      }
    }),
  )
})

analysis('Gini: 0 for equal values and for zeros, (n - 1) / n for a single one, whatever the scale', () => {
  assert.is(gini([3, 3, 3, 3, 3]), 0)
  assert.is(gini([0, 0, 0]), 0)
  assert.is(gini([]), 0)
  assert.is(gini([0, 0, 7, 0, 0]), 0.8)
  assert.is(gini([1, 2, 3, 4, 5]), gini([50, 10, 40, 20, 30]))
})

analysis('a category without texts, or in which nothing fires, has nulls and zeros', () => {
  const nothing = {
    peak: null,
    aggregate_top5: 0,
    peak_to_aggregate: null,
    gini_top5: 0,
    specialist: null,
    full_search: { best_score: null, features: [] },
  }
  const { categories } = analyseLayer(sparse([[0, 0], [0, 6]]), inOrder([1, 1, 0]), 5) // prettier-ignore
  assert.equal(ofCategory(categories, 'category 0'), { category: 'category 0', ...nothing })
  assert.equal(ofCategory(categories, 'category 2'), { category: 'category 2', ...nothing })
  assert.is(ofCategory(categories, 'category 1').peak?.feature, 1)
})

analysis('where nothing fires at all, nothing is named', () => {
  const result = analyseLayer(sparse([[0, 0], [0, 0]]), inOrder([2]), 0) // prettier-ignore
  assert.is(result.strongest, null)
  assert.is(result.most_frequent, null)
  assert.is(result.most_selective, null)
  assert.equal(result.top5_strongest, [])
  assert.equal(result.firing_texts, {})
  assert.is(result.pairs_above_threshold, 0)
})

analysis('with fewer than five active features, the missing ones count as 0', () => {
  const { categories } = analyseLayer(sparse([[0, 2, 0, 0, 6, 0]]), inOrder([1]), 5)
  const { peak_to_aggregate, aggregate_top5, gini_top5 } = ofCategory(categories, 'category 0')
  assert.is(aggregate_top5, 8)
  assert.is(peak_to_aggregate, 0.75)
  assert.ok(Math.abs(gini_top5 - 0.7) < 1e-12, `${gini_top5}`) // all pairs differ by 56 in sum: 56 / (2 · 25 · 1.6)
})

analysis('an activation at the threshold is not above it', () => {
  const result = analyseLayer(sparse([[5], [5.25]]), inOrder([1, 1]), 5)
  assert.is(result.pairs_above_threshold, 1)
  assert.is(ofCategory(result.categories, 'category 0').specialist?.score, -1)
})

analysis(
  'a feature that is nowhere above the threshold in a category is no result of its full search',
  () => {
    const result = analyseLayer(sparse([[4, 3]]), inOrder([1]), 5)
    assert.equal(ofCategory(result.categories, 'category 0').full_search, { best_score: 0, features: [] })
  },
)

analysis('the firing texts are those above 0, strongest first', () => {
  const dense = [[1, 0], [0, 9], [3, 0], [2, 0], [3, 0]] // prettier-ignore
  const { firing_texts } = analyseLayer(sparse(dense), inOrder([5]), 5)
  assert.equal(firing_texts, { 0: [[2, 3], [4, 3], [3, 2], [0, 1]], 1: [[1, 9]] }) // prettier-ignore
})

analysis('says what is wrong with its input', () => {
  const features = sparse([[1, 2], [3, 4]]) // prettier-ignore
  const faulty = (value: number): SparseRows => ({ ...features, values: Float32Array.of(1, 2, 3, value) })
  const both = inOrder([2])
  const twice = [{ name: 'a', rows: [0, 0] }]
  const outside = [{ name: 'a', rows: [0, 2] }]
  const sameName = [{ name: 'a', rows: [0] }, { name: 'a', rows: [1] }] // prettier-ignore
  assert.throws(() => analyseLayer(faulty(NaN), both, 5), /row 1, feature 1 is NaN/)
  assert.throws(() => analyseLayer(faulty(-0.5), both, 5), /row 1, feature 1 is -0.5/)
  assert.throws(() => analyseLayer(faulty(Infinity), both, 5), /row 1, feature 1 is Infinity/)
  assert.throws(
    () => analyseLayer(features, inOrder([3]), 5),
    /features have 2 rows, but the labels name 3 texts/,
  )
  assert.throws(() => analyseLayer(features, twice, 5), /name row 0 twice/)
  assert.throws(() => analyseLayer(features, outside, 5), /name row 2, but the features have rows 0..1/)
  assert.throws(() => analyseLayer(features, sameName, 5), /two categories are called "a"/)
  assert.throws(() => analyseLayer(features, both, -1), /threshold must be 0 or greater, got -1/)
  assert.throws(() => analyseLayer(features, both, NaN), /threshold must be 0 or greater, got NaN/)
})

analysis.run()

const layers = suite('layers compared')

layers('the differences of values and scores, and the correlation of the peaks’ texts', () => {
  // Category 0's peak: feature 0 with texts [6, 2, 0], then feature 1 with [8, 5.5, 1].
  const before = analyseLayer(sparse([[6, 0], [2, 0], [0, 1]]), inOrder([2, 1]), 5, 6) // prettier-ignore
  const after = analyseLayer(sparse([[0, 8], [0, 5.5], [0, 1]]), inOrder([2, 1]), 5, 8) // prettier-ignore
  const [change, ...others] = compareLayers([before, after])
  assert.is(others.length, 0)
  assert.equal([change.from, change.to, change.strongest, change.pairs_above_threshold], [6, 8, 2, 1])
  const { peak_profile_correlation, ...figures } = ofCategory(change.categories, 'category 0')
  assert.equal(figures, { category: 'category 0', peak: 2, aggregate_top5: 2, specialist_score: 1 })
  // Deviations (10, -2, -8) / 3 and (19, 4, -23) / 6: 366 / sqrt(168 * 906).
  assert.ok(Math.abs(peak_profile_correlation! - 366 / Math.sqrt(168 * 906)) < 1e-12)
})

layers('a layer whose features are only renumbered has not changed', () => {
  fc.assert(
    fc.property(withoutTies, (one) => {
      const reversed = one.dense.map((text) => [...text].reverse())
      const [change] = compareLayers([analyse(one), analyse({ ...one, dense: reversed })])
      for (const figures of change.categories) {
        const { peak } = ofCategory(analyse(one).categories, figures.category)
        assert.is(figures.peak, peak ? 0 : null)
        assert.is(figures.aggregate_top5, 0)
        assert.is(figures.specialist_score, peak ? 0 : null)
        const correlation = figures.peak_profile_correlation
        assert.ok(correlation === null || Math.abs(correlation - 1) < 1e-12, `${correlation}`)
      }
    }),
  )
})

layers('a peak that fires equally everywhere, or no peak, has no correlation', () => {
  const constant = analyseLayer(sparse([[2], [2]]), inOrder([2]), 5)
  const varied = analyseLayer(sparse([[2], [1]]), inOrder([2]), 5)
  const silent = analyseLayer(sparse([[0], [0]]), inOrder([2]), 5)
  const changes = compareLayers([varied, constant, silent])
  assert.equal(
    changes.map(({ categories }) => ofCategory(categories, 'category 0').peak_profile_correlation),
    [null, null],
  )
  assert.is(changes[1].strongest, null)
  assert.is(ofCategory(changes[1].categories, 'category 0').peak, null)
})

layers('must be of the same texts and categories', () => {
  const two = analyseLayer(sparse([[2], [2]]), inOrder([2]), 5, 0)
  const one = analyseLayer(sparse([[2]]), inOrder([1]), 5, 1)
  assert.throws(
    () => compareLayers([two, one]),
    /layer 0 is of 2 texts in category 0; layer 1 of 1 texts in category 0/,
  )
  assert.equal(compareLayers([one]), [])
  assert.equal(compareLayers([]), [])
})

layers.run()

const thresholds = suite('thresholds')

thresholds('are numbers or quantiles', () => {
  assert.equal(parseThreshold('5'), { kind: 'value', value: 5 })
  assert.equal(parseThreshold('0.25'), { kind: 'value', value: 0.25 })
  assert.equal(parseThreshold('q99'), { kind: 'quantile', q: 0.99 })
  for (const spec of ['0', '5', '0.25', 'q0', 'q99', 'q99.5', 'q99.99', 'q100', 'q57.3'])
    assert.is(showThreshold(parseThreshold(spec)), spec)
})

thresholds('anything else is refused, saying what was given and what is accepted', () => {
  for (const spec of [
    '',
    'abc',
    '-1',
    'q',
    'q101',
    'q-1',
    'Q99',
    '5 ',
    '1e3',
    '0x10',
    'NaN',
    'Infinity',
    '1'.repeat(400),
  ])
    assert.throws(
      () => parseThreshold(spec),
      (error: Error) => error.message.includes(`"${spec}"`) && error.message.includes('q99.5'),
      spec,
    )
})

thresholds('a quantile is of the activations above 0, interpolated', () => {
  const features = sparse([[0, 4, 0, 1], [3, 0, 0, 2]]) // prettier-ignore
  const at = (spec: string): number => resolveThreshold(parseThreshold(spec), features)
  assert.equal([at('q0'), at('q50'), at('q75'), at('q100')], [1, 2.5, 3.25, 4])
  assert.is(at('7'), 7)
})

thresholds('about the quantile’s share of the positive activations is above it', () => {
  fc.assert(
    fc.property(withoutTies, fc.integer({ min: 0, max: 100 }), (one, percent) => {
      const positive = one.dense.flat().filter((value) => value > 0)
      fc.pre(positive.length > 0)
      const threshold = resolveThreshold(parseThreshold(`q${percent}`), sparse(one.dense))
      const above = positive.filter((value) => value > threshold).length
      const expected = (1 - percent / 100) * (positive.length - 1)
      assert.ok(Math.abs(above - expected) <= 1, `${above} above, about ${expected} expected`)
    }),
  )
})

thresholds('a quantile of nothing is an error', () => {
  assert.throws(
    () => resolveThreshold(parseThreshold('q99'), sparse([[0, 0]])),
    /threshold q99: no activation is above 0/,
  )
  assert.is(resolveThreshold(parseThreshold('5'), sparse([[0, 0]])), 5)
})

thresholds.run()

const input = suite('input')

input('labelled texts become categories of rows, in order of first appearance', () => {
  const texts = ['b', '__proto__', 'b'].map((category) => ({ category, text: 'x' }))
  assert.equal(rowsByCategory(texts), [
    { name: 'b', rows: [0, 2] },
    { name: '__proto__', rows: [1] },
  ])
})

const messageOf = (reading: Promise<unknown>): Promise<string> =>
  reading.then(
    () => 'no error',
    (error: Error) => error.message,
  )

const read = (shape: number[], numbers: number[]): Promise<SparseRows> =>
  readFeatures(sourceOf('features', Tensor.of(shape, numbers)))

input('dense features become sparse rows, across blocks of rows', async () => {
  const width = 500_000
  const dense = Tensor.zeros([5, width])
  for (let row = 0; row < 5; row++) dense.data[row * width + 100 * row] = row
  assert.equal(await readFeatures(sourceOf('features', dense)), positiveEntries(dense))
  dense.data[4 * width + 7] = -1
  assert.match(await messageOf(readFeatures(sourceOf('features', dense))), 'row 4, feature 7 is -1')
})

input('faulty features are refused by row and feature, another rank by its shape', async () => {
  assert.match(await messageOf(read([2, 3], [0, 0, 0, 0, -1, 0])), 'row 1, feature 1 is -1')
  assert.match(await messageOf(read([2, 3], [0, 0, NaN, 0, 0, 0])), 'row 0, feature 2 is NaN')
  assert.match(await messageOf(read([2, 3], [0, 0, 0, Infinity, 0, 0])), 'row 1, feature 0 is Infinity')
  assert.match(await messageOf(read([6], [0, 0, 0, 0, 0, 0])), 'expected [texts, d_sae], got [6]')
  assert.match(await messageOf(read([3, 0], [])), 'expected [texts, d_sae], got [3, 0]')
})

input.run()
