// What the black-box experiment says in words: each sentence must follow the numbers, both ways.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { findings } from '../../experiments/black-box/findings.ts'
import type { CategoryAnalysis, LayerAnalysis } from '../../experiments/black-box/results.ts'

/** A category's figures: peak value and feature, sum of the five strongest, specialist score. */
interface Planted {
  readonly peak: number
  readonly aggregate: number
  readonly score: number
}

function category({ peak, aggregate, score }: Planted, feature: number): CategoryAnalysis {
  return {
    peak: { feature, value: peak },
    aggregate_top5: aggregate,
    peak_to_aggregate: peak / aggregate,
    gini_top5: 0.2,
    specialist: { feature, value: peak, score, inside: score, outside: 0 },
    full_search: { best_score: score, features: [feature] },
  }
}

/** A layer in which the category at place i has its peak at feature 10 * (layer + 1) + i. */
function layer(number: number, planted: Record<string, Planted>): LayerAnalysis {
  const categories = Object.fromEntries(
    Object.entries(planted).map(([name, figures], i) => [name, category(figures, 10 * (number + 1) + i)]),
  )
  const peaks = Object.values(categories).map(({ peak }) => peak!)
  const strongest = peaks.reduce((a, b) => (b.value > a.value ? b : a))
  return {
    layer: number,
    threshold: 5,
    texts: 4,
    strongest: { ...strongest, text: 0 },
    most_frequent: null,
    top5_strongest: [],
    pairs_above_threshold: 0,
    most_selective: null,
    categories,
    firing_texts: {},
  }
}

const silentCategory: CategoryAnalysis = {
  peak: null,
  aggregate_top5: 0,
  peak_to_aggregate: null,
  gini_top5: 0,
  specialist: null,
  full_search: { best_score: null, features: [] },
}

const rising = [
  layer(0, { Math: { peak: 1, aggregate: 3, score: 1 }, Formal: { peak: 2, aggregate: 4, score: 0 } }),
  layer(2, { Math: { peak: 2, aggregate: 4, score: 2 }, Formal: { peak: 3, aggregate: 5, score: 0 } }),
  layer(5, { Math: { peak: 9.5, aggregate: 20, score: 6 }, Formal: { peak: 4, aggregate: 6, score: 3 } }),
]

/** `rising` with some figures of one category in one layer planted anew. */
function planted(place: number, name: string, figures: Partial<CategoryAnalysis>): LayerAnalysis[] {
  return rising.map((one, i) =>
    i === place
      ? { ...one, categories: { ...one.categories, [name]: { ...one.categories[name], ...figures } } }
      : one,
  )
}

const said = suite('findings')

said('name the strongest feature, its layer, its value and its category', () => {
  assert.is(
    findings(rising)[0],
    'The strongest feature of all layers is number 60 of layer 5: 9.50 in a text of Math.',
  )
  const earlier = [
    layer(0, { Math: { peak: 1, aggregate: 3, score: 1 }, Formal: { peak: 12, aggregate: 14, score: 0 } }),
    ...rising.slice(1),
  ]
  assert.is(
    findings(earlier)[0],
    'The strongest feature of all layers is number 11 of layer 0: 12.00 in a text of Formal.',
  )
})

said('say that peak and sum rise where they do in every category', () => {
  assert.equal(findings(rising).slice(1, 3), [
    'The peak activation rises at every step from layer 0 to 5 in all 2 categories.',
    'The sum of the five strongest features rises at every step from layer 0 to 5 in all 2 categories.',
  ])
})

said('name the steps at which a peak stands still or falls, and leave the sum alone', () => {
  const still = planted(1, 'Math', { peak: { feature: 30, value: 1 } })
  const [, peak, sum] = findings(still)
  assert.is(
    peak,
    'The peak activation rises at every step from layer 0 to 5 in 1 of 2 categories; it stands still or falls in Math (layer 0 to 2).',
  )
  assert.match(sum, 'in all 2 categories')
  const [, twice] = findings(planted(2, 'Formal', { peak: { feature: 61, value: 2.5 } }))
  assert.match(twice, 'in 1 of 2 categories; it stands still or falls in Formal (layer 2 to 5).')
})

said('name the steps at which a sum falls, in several categories and more than once', () => {
  const falling = [...rising].reverse().map((one, i) => ({ ...one, layer: [0, 2, 5][i] }))
  assert.match(
    findings(falling)[2],
    'in 0 of 2 categories; it stands still or falls in Math (layer 0 to 2, 2 to 5), Formal (layer 0 to 2, 2 to 5).',
  )
})

said('count a category in which nothing fires as one that does not rise', () => {
  const silent = planted(1, 'Formal', silentCategory)
  assert.match(findings(silent)[1], 'it stands still or falls in Formal (layer 0 to 2).')
})

said('list the specialists of the deepest layer alone, the highest score first, above 2', () => {
  const start = "Specialists at layer 5 with a score above 2, what chance reached on the post's data: "
  assert.is(findings(rising)[3], `${start}2 of 2 categories (Math 6, Formal 3).`)
  const specialist = { feature: 61, value: 4, score: 2, inside: 2, outside: 0 }
  assert.is(findings(planted(2, 'Formal', { specialist }))[3], `${start}1 of 2 categories (Math 6).`)
  assert.is(
    findings(planted(2, 'Formal', { specialist: { ...specialist, score: 7 } }))[3],
    `${start}2 of 2 categories (Formal 7, Math 6).`,
  )
  const none = [layer(5, { Math: { peak: 1, aggregate: 2, score: -3 } })]
  assert.is(findings(none)[1], `${start}0 of 1 categories (none).`)
  assert.match(
    findings(planted(0, 'Math', { specialist: { ...specialist, score: 9 } }))[3],
    '(Math 6, Formal 3)',
  )
})

said('say nothing of rising where there is one layer, and nothing at all where there is none', () => {
  assert.is(findings(rising.slice(0, 1)).length, 2)
  assert.equal(findings([]), [])
})

said('say that no feature fires where none does', () => {
  const silent = { ...rising[0], strongest: null, categories: { Math: silentCategory } }
  assert.equal(findings([silent])[0], 'No feature fires on any text.')
})

said.run()
