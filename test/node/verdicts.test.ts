// What the black-box experiment says in words: each verdict must follow effects that are planted, and taken away again.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { positiveEntries, type SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { analyseLayer } from '../../experiments/lab/analysis/analyse-layer.ts'
import type { Category } from '../../experiments/lab/analysis/input.ts'
import { withStatistics } from '../../experiments/lab/analysis/layer-statistics.ts'
import type { AnalysedLayer, Verdict } from '../../experiments/lab/analysis/layer-analysis.ts'
import { answerOf, showBriefly, showVerdict, verdicts } from '../../experiments/black-box/verdicts.ts'
import { randomNumbers } from '../helpers/random.ts'
import { ofCategory } from '../../experiments/lab/analysis/by-category.ts'

const TEXTS_EACH = 10
const THRESHOLD = 5
const NAMES = ['Python', 'Math', 'Formal']
const categories = NAMES.map((name, c) => ({
  name,
  rows: Array.from({ length: TEXTS_EACH }, (_, i) => c * TEXTS_EACH + i),
}))

/** What is planted in a layer. */
interface Plant {
  /** How many texts of each category make the category's own feature fire, and no other text does. */
  readonly own?: readonly number[]
  /** Times which all activations are taken. */
  readonly loud?: number
  /** Times which the activations of one category's texts are taken. */
  readonly louder?: Readonly<Record<number, number>>
  /** Length of the stream that the SAE reads; null: not known. */
  readonly norm?: number | null
}

/** Noise, the same in every layer, and what is planted. -> sparse [texts, features] */
function features({ own = [], loud = 1, louder = {} }: Plant) {
  const random = randomNumbers(8)
  const dense = Array.from({ length: TEXTS_EACH * NAMES.length }, (_, text) => {
    const c = Math.floor(text / TEXTS_EACH)
    const planted = NAMES.map((_, feature) =>
      feature === c && text % TEXTS_EACH < (own[c] ?? 0) ? 6 + 0.1 * (text % TEXTS_EACH) : 0,
    )
    const noise = Array.from({ length: 40 }, () => (random() > 0.8 ? 2 + 3.5 * Math.abs(random()) : 0))
    return [...planted, ...noise].map((value) => value * loud * (louder[c] ?? 1))
  })
  return positiveEntries(Tensor.of([dense.length, dense[0].length], dense.flat()))
}

/** A layer for each plant: layers 0, 2, 4, ... */
function layersOf(...plants: readonly Plant[]): AnalysedLayer[] {
  const norms = plants.map(({ norm }) => (norm === undefined ? 10 : norm))
  return layersFrom(plants.map(features), categories, norms)
}

/** Layers 0, 2, 4, ... of the features given. */
function layersFrom(
  features: readonly SparseRows[],
  categories: readonly Category[],
  norms: readonly (number | null)[] = [],
  resamples = 200,
): AnalysedLayer[] {
  const inputs = features.map((means, i) => ({
    analysis: analyseLayer(means, categories, THRESHOLD, 2 * i),
    means,
    streamNorm: norms.at(i) ?? null,
  }))
  return withStatistics(inputs, categories, { permutations: 300, resamples, seed: 1 })
}

/** `each` texts for each of the names, in order; feature f of text t is `value(f, t)`. */
function dense(each: number, width: number, value: (feature: number, text: number) => number) {
  const texts = each * NAMES.length
  const numbers = Array.from({ length: texts * width }, (_, i) => value(i % width, Math.floor(i / width)))
  return positiveEntries(Tensor.of([texts, width], numbers))
}

const named = (each: number): Category[] =>
  NAMES.map((name, c) => ({ name, rows: Array.from({ length: each }, (_, i) => c * each + i) }))

const verdictsOn = (...plants: readonly Plant[]): Verdict[] => verdicts(layersOf(...plants))

const GROWTH = 'holds only because everything grows'
const all = [9, 9, 9]
const rising = [{ own: all }, { own: all, loud: 1.5 }, { own: all, loud: 3 }]

const said = suite('verdicts')

said('peaks and aggregates that rise in every category hold where the stream keeps its length', () => {
  const [peaks, aggregates] = verdictsOn(...rising)
  assert.is(peaks.status, 'holds')
  assert.is(aggregates.status, 'holds')
  assert.is(
    peaks.detail,
    'The peak activation rises at every step from layer 0 to 4 in 3 of 3 categories. With the texts resampled 200 times, 6 of 6 ' +
      'steps clearly rise (each in 95 % of the resamples) and 0 clearly fall or stay level (corrected for 6 steps). From the first layer to the last it ' +
      'grows 3.0-fold (median), while the stream that the SAEs read grows 1.0-fold; divided by the stream’s length it ' +
      'still rises in 3 of 3 categories.',
  )
  assert.match(aggregates.detail, /^The sum of the five strongest features rises at every step/)
})

said('they hold only because everything grows where the stream grows as much', () => {
  const [peaks, aggregates] = verdictsOn(...rising.map((plant, i) => ({ ...plant, norm: [10, 20, 40][i] })))
  assert.is(peaks.status, GROWTH)
  assert.is(aggregates.status, GROWTH)
  assert.match(
    peaks.detail,
    'grows 4.0-fold; divided by the stream’s length it still rises in 0 of 3 categories',
  )
})

said('they do not hold where one category stands still or falls, and the step is named', () => {
  const falling = rising.map((plant, i) => (i === 1 ? { ...plant, louder: { 1: 0.5 } } : plant))
  const [peaks, aggregates] = verdictsOn(...falling)
  assert.is(peaks.status, 'does not hold')
  assert.is(aggregates.status, 'does not hold')
  assert.match(peaks.detail, 'in 2 of 3 categories; it falls or stays level in Math (layer 0 to 2). With')
  assert.match(peaks.detail, /5 of 6 steps clearly rise .* and 1 clearly falls or stays level/)
  const [still] = verdictsOn({ own: all }, { own: all }, { own: all, loud: 2 })
  assert.is(still.status, 'does not hold')
  assert.match(
    still.detail,
    'falls or stays level in Python (layer 0 to 2), Math (layer 0 to 2), Formal (layer 0 to 2).',
  )
  const [back] = verdictsOn(...[...rising].reverse())
  assert.match(back.detail, 'Formal (layer 0 to 2, 2 to 4)')
})

said('a rise with an unknown stream is told without the question of growth', () => {
  const [peaks] = verdictsOn(...rising.map((plant) => ({ ...plant, norm: null })))
  assert.is(peaks.status, 'holds')
  assert.match(peaks.detail, 'the length of the stream is not known')
  const [fallen] = verdictsOn(...[...rising].reverse().map((plant) => ({ ...plant, norm: null })))
  assert.is(fallen.status, 'does not hold')
})

said('specialists hold where every category has one beyond chance in the deepest layer', () => {
  const specialists = verdictsOn({}, { own: [9, 8, 7] })[2]
  assert.is(specialists.status, 'holds')
  assert.match(
    specialists.detail,
    /^At layer 2, 3 of 3 categories .*, 3 of 3 have a score .*\): Python 9, Math 8, Formal 7\. Beyond chance by layer: 0, 3 of 3\. .* AUROC: 3 of 3\.$/,
  )
})

said(
  'they do not hold where one is taken away, and its category is named with the score that it takes',
  () => {
    const specialists = verdictsOn({ own: all }, { own: [9, 0, 7] })[2]
    assert.is(specialists.status, 'does not hold')
    assert.match(
      specialists.detail,
      /2 of 3 have a score .*: Python 9, Formal 7; within chance: Math \d+ \(\d+ is needed\)\./,
    )
    const none = verdictsOn({ own: all }, {})[2]
    assert.is(none.status, 'does not hold')
    assert.match(none.detail, /0 of 3 have a score .*: none; .*by layer: 3, 0 of 3\. .* AUROC: 0 of 3\.$/)
  },
)

said('specialisation rises where specialists are added at the same loudness', () => {
  const verdict = verdictsOn({ own: [2, 2, 2] }, { own: [5, 5, 5] }, { own: all })[3]
  assert.is(verdict.status, 'holds')
  assert.match(verdict.detail, /add up to \d+, \d+, 27 from layer 0 to 4/)
})

said('it rises only because everything grows where the same features get louder', () => {
  // Of nine texts each, the weaker ones are below the threshold of 5 at first; the features do not change.
  const verdict = verdictsOn({ own: all, loud: 0.8 }, { own: all, loud: 1 })[3]
  assert.is(verdict.status, GROWTH)
  assert.match(verdict.detail, /at equal numbers of pairs they add up to 18, 18\. The/)
})

said('it does not rise where specialists are taken away', () => {
  assert.is(verdictsOn({ own: all }, { own: [2, 2, 2] })[3].status, 'does not hold')
  assert.is(verdictsOn({ own: all }, { own: all })[3].status, 'does not hold')
})

said('three categories of one text tell nothing: however the labels fall, the scores are the same', () => {
  // At first two features stand for one text each, then three: 2, 3, and so do all shuffles.
  const layers = [2, 3].map((own) => dense(1, 3, (f, t) => (f === t && f < own ? 9 + own : 1 + own)))
  const [peaks, aggregates, , specialisation] = verdicts(layersFrom(layers, named(1)))
  assert.is(specialisation.status, 'cannot be told')
  assert.match(specialisation.detail, 'add up to 2, 3 from layer 0 to 2 (chance gives 2, 3)')
  assert.match(
    specialisation.detail,
    /to the last is \+1; .* p 1 \(300 shuffles\), .* \+1 to \+1 .*too few to resample\.$/,
  )
  assert.is(peaks.status, 'cannot be told')
  assert.is(aggregates.status, 'cannot be told')
  assert.match(peaks.detail, 'resamples of 1 text per category cannot tell: at least 4 are needed')
})

said(
  'three categories of one text have no specialist that could be told, and it is said what it takes',
  () => {
    const specialists = verdicts(layersFrom([dense(1, 3, (f, t) => (f === t ? 9 : 1))], named(1)))[2]
    assert.is(specialists.status, 'cannot be told')
    assert.match(specialists.detail, '3 of 3 categories have a score above 0')
    assert.match(
      specialists.detail,
      'cannot be told: Python 1, Math 1, Formal 1 (with 3 categories and 1 text in each of these a corrected p cannot ' +
        'reach 0.05: at least 4 texts per category are needed).',
    )
    // Three are not: a shuffle in nine or so gives one of the categories the texts of one of them. Four are.
    const of = (each: number, own: number) => {
      const means = dense(each, 3, (f, t) => (f < own && f === Math.floor(t / each) ? 9 : 1))
      return verdicts(layersFrom([means], named(each)))[2]
    }
    assert.is(of(3, 3).status, 'cannot be told')
    assert.is(of(4, 3).status, 'holds')
    assert.is(of(4, 2).status, 'does not hold')
    assert.match(of(4, 2).detail, /within chance: Formal 0 \(\d+ is needed/)
  },
)

said('too few shuffles tell nothing either', () => {
  const means = features({ own: [9, 9, 0] })
  const input = { means, analysis: analyseLayer(means, categories, THRESHOLD, 0), streamNorm: null }
  const at = (permutations: number) =>
    verdicts(withStatistics([input], categories, { permutations, resamples: 20, seed: 1 }))[2]
  assert.is(at(58).status, 'cannot be told')
  assert.match(
    at(58).detail,
    'with 58 shuffles a p corrected for 3 tests cannot reach 0.05: at least 59 are needed',
  )
  assert.is(at(59).status, 'does not hold')
  assert.match(at(59).detail, '2 of 3 have a score')
  const last = withStatistics([input], categories, { permutations: 300, resamples: 20, seed: 1 })
  const { categories: figures } = last[0].statistics
  ofCategory(figures, 'Python').score.within_chance = true
  assert.match(verdicts(last)[2].detail, '1 of 3 has a score')
})

said('a rise that chance gives as well cannot be told', () => {
  // Nothing but noise, of which twice as much is above the threshold at the second layer.
  const random = randomNumbers(4)
  const noise = Array.from({ length: 30 * 60 }, () => Math.abs(random()) + 0.01)
  const at = (loud: number) => dense(10, 60, (f, t) => loud * noise[60 * t + f])
  const [quiet, loud] = [at(5.2), at(6.5)]
  const verdict = verdicts(layersFrom([quiet, loud], named(10)))[3]
  const [{ statistics }] = layersFrom([quiet, loud], named(10))
  const { value, p } = statistics.rise_to_last!
  assert.ok(value > 0 && p > 0.05, `${value}, p ${p}`)
  assert.is(verdict.status, 'cannot be told')
})

said('a rise of peaks that hangs on the choice of texts cannot be told', () => {
  // One text of ten gets louder, the others softer: the peak rises where that text is drawn.
  const first = dense(10, 3, (f, t) => (f === Math.floor(t / 10) ? 6 : 0))
  const then = dense(10, 3, (f, t) => (f === Math.floor(t / 10) ? (t % 10 === 0 ? 8 : 5) : 0))
  const [peaks, aggregates] = verdicts(layersFrom([first, then], named(10), [10, 10]))
  assert.is(peaks.status, 'cannot be told')
  assert.is(aggregates.status, 'cannot be told')
  assert.match(peaks.detail, 'rises at every step from layer 0 to 2 in 3 of 3 categories')
  assert.match(peaks.detail, /0 of 3 steps clearly rise .* and 0 clearly fall or stay level/)
})

said('of a rise in whole numbers, 1 is above 0, and a p of 0.05 is small enough', () => {
  const layers = layersOf({ own: [2, 2, 2] }, { own: all })
  const [{ statistics }] = layers
  const { value } = statistics.rise_to_last!
  const at = (interval: [number, number], changes = {}) => {
    statistics.rise_to_last = { value, p: 0.05, interval, ...changes }
    return verdicts(layers)[3].status
  }
  assert.is(at([1, 30]), 'holds')
  assert.is(at([0, 30]), 'cannot be told')
  assert.is(at([1, 30], { p: 0.06 }), 'cannot be told')
  assert.is(at([-3, 1]), 'cannot be told')
  assert.is(at([-3, 0]), 'does not hold')
  assert.is(at([0, 1], { value: 0 }), 'does not hold')
})

said('exactly half is not most: of the categories, and of the rise at equal pairs', () => {
  const layers = layersOf({ own: [2, 2, 2] }, { own: all })
  const [from, to] = layers.map(({ statistics }) => statistics)
  const rise = from.rise_to_last!.value
  const at = (left: number) => {
    from.equal_pairs!.sum_best_scores = 0
    to.equal_pairs!.sum_best_scores = left
    return verdicts(layers)[3].status
  }
  assert.is(at(rise / 2), GROWTH)
  assert.is(at(rise / 2 + 1), 'holds')

  const grown = layersOf(rising[0], rising[2])
  const bound = (name: string, by: number) =>
    (ofCategory(grown[1].statistics.categories, name).peak_by_norm = by)
  // Two of four: the fourth is the third again.
  for (const { categories, statistics } of grown) {
    categories.push({ ...ofCategory(categories, 'Formal'), category: 'Fourth' })
    statistics.categories.push({ ...ofCategory(statistics.categories, 'Formal'), category: 'Fourth' })
  }
  for (const name of ['Python', 'Math']) bound(name, 0)
  assert.is(verdicts(grown)[0].status, GROWTH)
  bound('Math', 1e3)
  assert.is(verdicts(grown)[0].status, 'holds')
})

said('a verdict that hangs on the first layer says so: planted there, and taken away', () => {
  // A faint first layer, as the bare embedding is: all that follows stands still beside its stream, or falls.
  const embedding = { own: all, loud: 0.1, norm: 1 }
  const [grown] = verdictsOn(embedding, { own: all, norm: 10 }, { own: all, loud: 1.1, norm: 20 })
  assert.is(grown.status, GROWTH)
  assert.not.match(grown.detail, 'depends on')
  const [real] = verdictsOn(embedding, { own: all, loud: 0.6, norm: 10 }, { own: all, loud: 0.9, norm: 12 })
  assert.is(real.status, GROWTH)
  assert.match(
    real.detail,
    /0 of 3 categories\. That depends on layer 0: from layer 2 on it grows 1\.5-fold \(median\), the stream 1\.2-fold, and divided by the stream’s length it rises in 3 of 3 categories, and the claim holds\.$/,
  )
  const same = [
    { own: all, loud: 0.5, norm: 8 },
    { own: all, loud: 0.6, norm: 8.5 },
    { own: all, norm: 9 },
  ]
  const [steady] = verdictsOn(...same)
  assert.is(steady.status, 'holds')
  assert.not.match(steady.detail, 'depends on')
  const [fallen] = verdictsOn({ own: all, loud: 2 }, { own: all, loud: 1 }, { own: all, loud: 1.5 })
  assert.is(fallen.status, 'does not hold')
  assert.match(fallen.detail, /depends on layer 0: .*, and the claim holds\.$/)
  const loudest = (...loud: number[]) => verdictsOn(...loud.map((one) => ({ own: all, loud: one })))[0]
  // The claim alone hangs on it, and the share of categories alone.
  assert.match(
    loudest(1, 0.5, 1.5).detail,
    /depends on layer 0: .* in 3 of 3 categories, and the claim holds\.$/,
  )
  assert.match(loudest(5, 1, 0.5, 2).detail, /depends on layer 0: .* it rises in 3 of 3 categories\.$/)
  assert.not.match(loudest(2, 1).detail, 'depends on', 'two layers have one step')
})

said('so does specialisation', () => {
  const jump = verdictsOn({ own: [1, 1, 1] }, { own: all }, { own: all })[3]
  assert.is(jump.status, 'holds')
  assert.match(
    jump.detail,
    /That depends on layer 0: from layer 2 on they go from 27 to 27, .*, and the claim does not hold\.$/,
  )
  const climb = verdictsOn({ own: [1, 1, 1] }, { own: [5, 5, 5] }, { own: all })[3]
  assert.not.match(climb.detail, 'depends on')
})

said('one layer says nothing of depth, but of specialists; no layer says nothing', () => {
  assert.equal(
    verdictsOn({ own: all }).map(({ status }) => status),
    ['not tested', 'not tested', 'holds', 'not tested'],
  )
  assert.not.match(verdictsOn({ own: all })[2].detail, 'by layer')
  assert.equal(verdicts([]), [])
})

said('where nothing fires, nothing holds', () => {
  const silent = verdictsOn({ loud: 0 }, { loud: 0 })
  assert.ok(silent.every(({ status }) => status === 'does not hold'))
  assert.match(silent[0].detail, 'it grows from nothing')
  assert.match(silent[2].detail, '0 of 3 categories have a score above 0')
})

/** Texts of a layer of which one feature a category fires, as strongly as `value` says. */
const oneFeature = (value: (category: number, text: number) => number) =>
  dense(10, 3, (f, t) => (f === Math.floor(t / 10) ? value(f, t % 10) : 0))

said('that all steps rise needs no correction for their number; that one falls does', () => {
  // The two strongest of ten texts get louder, the others softer: a resample without both has a lower peak.
  // 0.8^10 = 0.11 of the resamples, of three such texts 0.7^10 = 0.03.
  const quiet = oneFeature(() => 6)
  const louder = (texts: number) => oneFeature((_, t) => (t < texts ? 8 : 5))
  const status = (texts: number, resamples = 2000) =>
    verdicts(layersFrom([quiet, louder(texts)], named(10), [10, 10], resamples))[0].status
  assert.is(status(2), 'cannot be told')
  assert.is(status(3), 'holds', 'each of three steps in 97 % of the resamples')
  // One category falls where three of its ten texts are drawn: 0.03 is beyond chance for one step, not for three.
  const softer = (texts: number) => oneFeature((category, t) => (category > 0 ? 9 : t < texts ? 7 : 5))
  const fall = (texts: number, resamples = 2000) => {
    const from = oneFeature((category, t) => (category > 0 ? 6 : t < texts ? 8 : 4))
    return verdicts(layersFrom([from, softer(texts)], named(10), [10, 10], resamples))[0]
  }
  assert.is(fall(3).status, 'cannot be told')
  assert.is(fall(4).status, 'does not hold', '0.6^10 = 0.006')
  assert.is(fall(4).brief, 'of 3 steps from layer to layer, 2 clearly rise and 1 clearly falls')
  // 59 resamples are too few for a p of 0.05 / 3, and are said to be.
  assert.is(fall(10, 59).status, 'does not hold')
  assert.is(fall(10, 58).status, 'cannot be told')
  assert.match(fall(10, 58).detail, 'so few resamples cannot show a fall: at least 59 are needed')
})

said('the answer in one sentence follows the specialists and their rise', () => {
  const answer = (...plants: Plant[]) => answerOf(layersOf(...plants))
  assert.is(
    answer({ own: [1, 1, 1] }, { own: [9, 8, 7] }),
    'At layer 2, 3 of 3 kinds of text have a feature of their own that chance does not explain, and from the first layer to ' +
      'the last such features become more selective.',
  )
  assert.match(
    answer({ own: all }, { own: [9, 0, 0] }),
    /^At layer 2, 1 of 3 kinds of text has a .*, but not a more/,
  )
  assert.match(answer({ own: all }), /^At layer 0, 3 of 3 .* does not explain\.$/)
})

said('the answer, too, says of how many kinds it cannot be told', () => {
  const layers = layersFrom([dense(1, 3, (f, t) => (f === t ? 9 : 1))], named(1))
  assert.is(
    answerOf(layers),
    'At layer 0, 0 of 3 kinds of text have a feature of their own that chance does not explain (for 3 it cannot be told).',
  )
})

said('a verdict as a line: the claim, the verdict, the numbers', () => {
  const verdict = {
    claim: 'Peaks rise',
    status: 'does not hold',
    brief: '2 of 7',
    detail: 'In 2 of 7.',
  } as const
  assert.is(showVerdict(verdict), 'Peaks rise: does not hold. In 2 of 7.')
  assert.is(showBriefly(verdict), 'Peaks rise: does not hold (2 of 7).')
})

said.run()
