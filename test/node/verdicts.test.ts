// What the black-box experiment says in words: each verdict must follow effects that are planted, and taken away again.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { positiveEntries } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { analyseLayer } from '../../experiments/lab/analysis/analyse-layer.ts'
import { withStatistics } from '../../experiments/lab/analysis/layer-statistics.ts'
import type { AnalysedLayer, Verdict } from '../../experiments/lab/analysis/layer-analysis.ts'
import { showVerdict, verdicts } from '../../experiments/black-box/verdicts.ts'
import { randomNumbers } from '../helpers/random.ts'

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
  const inputs = plants.map((plant, i) => {
    const means = features(plant)
    const norm = plant.norm === undefined ? 10 : plant.norm
    return { analysis: analyseLayer(means, categories, THRESHOLD, 2 * i), means, streamNorm: norm }
  })
  return withStatistics(inputs, categories, { permutations: 300, resamples: 20, seed: 1 })
}

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
    'The peak activation rises at every step from layer 0 to 4 in 3 of 3 categories. From the first layer to the last it ' +
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
  assert.match(peaks.detail, 'in 2 of 3 categories; it stands still or falls in Math (layer 0 to 2). From')
  const [still] = verdictsOn({ own: all }, { own: all }, { own: all, loud: 2 })
  assert.is(still.status, 'does not hold')
  assert.match(still.detail, 'falls in Python (layer 0 to 2), Math (layer 0 to 2), Formal (layer 0 to 2).')
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

said('they do not hold where one is taken away, and its category is named with what chance reaches', () => {
  const specialists = verdictsOn({ own: all }, { own: [9, 0, 7] })[2]
  assert.is(specialists.status, 'does not hold')
  assert.match(
    specialists.detail,
    /2 of 3 have a score .*: Python 9, Formal 7; within chance: Math \d+ \(chance reaches \d+\)\./,
  )
  const none = verdictsOn({ own: all }, {})[2]
  assert.is(none.status, 'does not hold')
  assert.match(none.detail, /0 of 3 have a score .*: none; .*by layer: 3, 0 of 3\. .* AUROC: 0 of 3\.$/)
})

said('specialisation rises where specialists are added at the same loudness', () => {
  const verdict = verdictsOn({ own: [2, 2, 2] }, { own: [5, 5, 5] }, { own: all })[3]
  assert.is(verdict.status, 'holds')
  assert.match(verdict.detail, /add up to \d+, \d+, 27 from layer 0 to 4/)
})

said('it rises only because everything grows where the same features get louder', () => {
  // Of nine texts each, the weaker ones are below the threshold of 5 at first; the features do not change.
  const verdict = verdictsOn({ own: all, loud: 0.8 }, { own: all, loud: 1 })[3]
  assert.is(verdict.status, GROWTH)
  assert.match(verdict.detail, /at equal numbers of pairs they add up to 18, 18\.$/)
})

said('it does not rise where specialists are taken away', () => {
  assert.is(verdictsOn({ own: all }, { own: [2, 2, 2] })[3].status, 'does not hold')
  assert.is(verdictsOn({ own: all }, { own: all })[3].status, 'does not hold')
})

said('a verdict that hangs on the first layer says so: planted there, and taken away', () => {
  // A faint first layer, as the bare embedding is: all that follows stands still beside its stream, or falls.
  const embedding = { own: all, loud: 0.1, norm: 1 }
  const [grown] = verdictsOn(embedding, { own: all, norm: 10 }, { own: all, loud: 1.1, norm: 20 })
  assert.is(grown.status, GROWTH)
  assert.not.match(grown.detail, 'leans on')
  const [real] = verdictsOn(embedding, { own: all, loud: 0.6, norm: 10 }, { own: all, loud: 0.9, norm: 12 })
  assert.is(real.status, GROWTH)
  assert.match(
    real.detail,
    /0 of 3 categories\. That leans on layer 0: from layer 2 on it grows 1\.5-fold \(median\), the stream 1\.2-fold, and divided by the stream’s length it rises in 3 of 3 categories, and the claim holds\.$/,
  )
  const same = [
    { own: all, loud: 0.5, norm: 8 },
    { own: all, loud: 0.6, norm: 8.5 },
    { own: all, norm: 9 },
  ]
  const [steady] = verdictsOn(...same)
  assert.is(steady.status, 'holds')
  assert.not.match(steady.detail, 'leans on')
  const [fallen] = verdictsOn({ own: all, loud: 2 }, { own: all, loud: 1 }, { own: all, loud: 1.5 })
  assert.is(fallen.status, 'does not hold')
  assert.match(fallen.detail, /leans on layer 0: .*, and the claim holds\.$/)
})

said('so does specialisation', () => {
  const jump = verdictsOn({ own: [1, 1, 1] }, { own: all }, { own: all })[3]
  assert.is(jump.status, 'holds')
  assert.match(
    jump.detail,
    /That leans on layer 0: from layer 2 on they go from 27 to 27, .*, and the claim does not hold\.$/,
  )
  const climb = verdictsOn({ own: [1, 1, 1] }, { own: [5, 5, 5] }, { own: all })[3]
  assert.not.match(climb.detail, 'leans on')
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
})

said('a verdict as a line: the claim, the verdict, the numbers', () => {
  const line = showVerdict({ claim: 'Peaks rise', status: 'does not hold', detail: 'In 2 of 7.' })
  assert.is(line, 'Peaks rise: does not hold. In 2 of 7.')
})

said.run()
