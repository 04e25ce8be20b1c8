// Chance, resampling, AUROC and the scale confound of the black-box figures: against counting, naive twins and plants.
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createRandom } from '../../engine/random.ts'
import { positiveEntries, type SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { analyseLayer } from '../../experiments/lab/analysis/analyse-layer.ts'
import { bestAurocs, rankColumns } from '../../experiments/lab/analysis/auroc.ts'
import { bootstrap, intervalsOf, resampleScores } from '../../experiments/lab/analysis/bootstrap.ts'
import { columnsAbove, labelsOf } from '../../experiments/lab/analysis/columns.ts'
import { meanNorm, thresholdCurve, thresholdForPairs } from '../../experiments/lab/analysis/confound.ts'
import type { Category } from '../../experiments/lab/analysis/input.ts'
import { withStatistics, withStatisticsShown } from '../../experiments/lab/analysis/layer-statistics.ts'
import { bestSums, packWeights } from '../../experiments/lab/analysis/best-sums.ts'
import {
  bestScores,
  chanceScore,
  scoreNeeded,
  scoreNull,
  scorePValue,
  textsNeeded,
} from '../../experiments/lab/analysis/null-model.ts'
import type { AnalysedLayer } from '../../experiments/lab/analysis/layer-analysis.ts'
import { auroc, jointLevel, sum, tooFewToResample } from '../../experiments/lab/analysis/statistics.ts'
import { randomNumbers } from '../helpers/random.ts'
import { ofCategory } from '../../experiments/lab/analysis/by-category.ts'

fc.configureGlobal({ seed: 7, numRuns: 150 })

const near = (found: number | undefined, expected: number, limit = 1e-9): void =>
  assert.ok(found !== undefined && Math.abs(found - expected) <= limit, `${found}, expected ${expected}`)

const sparse = (dense: readonly (readonly number[])[]): SparseRows =>
  positiveEntries(Tensor.of([dense.length, dense[0].length], dense.flat()))

/** Categories of the given sizes, their rows one behind the other. */
const inOrder = (sizes: readonly number[]): Category[] =>
  sizes.map((size, c) => {
    const before = sizes.slice(0, c).reduce((sum, other) => sum + other, 0)
    return { name: `category ${c}`, rows: Array.from({ length: size }, (_, i) => before + i) }
  })

/** Few different activations, so that there are ties. */
const cases = fc
  .tuple(fc.array(fc.nat(4), { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 7 }))
  .filter(([sizes]) => sizes.some((size) => size > 0))
  .chain(([sizes, width]) => {
    const texts = sizes.reduce((sum, size) => sum + size, 0)
    const activation = fc.constantFrom(0, 0, 0, 0.5, 1, 5, 7.25)
    const row = fc.array(activation, { minLength: width, maxLength: width })
    return fc
      .array(row, { minLength: texts, maxLength: texts })
      .map((dense) => ({ dense, categories: inOrder(sizes) }))
  })

const chance = suite('what chance gives')

chance('best scores are those of the analysis, at least 0', () => {
  fc.assert(
    fc.property(cases, fc.constantFrom(0, 0.5, 5), ({ dense, categories }, threshold) => {
      const features = sparse(dense)
      const found = bestScores(columnsAbove(features, threshold), labelsOf(categories), categories.length)
      const { categories: figures } = analyseLayer(features, categories, threshold)
      const expected = figures.map(({ full_search }) => Math.max(0, full_search.best_score ?? 0))
      assert.equal(found, expected)
    }),
  )
})

chance('the null is that of all six ways to deal two labels to four texts', () => {
  // Above the threshold in texts 0 and 1. Both get the first label in one deal of six: score 2; else 0.
  const columns = columnsAbove(sparse([[9], [9], [0], [0]]), 5)
  const { counts, sums } = scoreNull(columns, Uint32Array.of(0, 0, 1, 1), 2, { permutations: 6000, seed: 3 })
  for (const [zero, one, two] of counts) {
    assert.is(one, 0)
    assert.is(zero + two, 6000)
    assert.ok(Math.abs(two - 1000) < 120, `${two}`)
  }
  // The second category has its score of 2 where the first has none.
  assert.is(sums.filter((sum) => sum === 2).length, counts[0][2] + counts[1][2])
})

chance('a p-value counts the draws that reach the score; the 95th percentile those that stay below', () => {
  const counts = [50, 44, 5, 1]
  near(scorePValue(counts, 3), 2 / 101)
  near(scorePValue(counts, 2), 7 / 101)
  near(scorePValue(counts, 0), 1)
  near(scorePValue(counts, 9), 1 / 101)
  assert.is(chanceScore(counts), 2)
  assert.is(chanceScore([95, 5]), 0)
})

chance(
  'the score that it takes is that of the corrected test, and there is none where p cannot be so small',
  () => {
    // Of 999 draws, p of 4 and more is 51 / 1000, of 5 and more 16 / 1000.
    const counts = [900, 20, 20, 9, 35, 15]
    assert.is(scoreNeeded(counts, 9, 90, 1), 5)
    assert.is(scoreNeeded([901, 20, 20, 9, 34, 15], 9, 90, 1), 4, 'p of exactly 0.05 is beyond chance')
    assert.is(scoreNeeded(counts, 9, 90, 3), 5)
    assert.is(scoreNeeded(counts, 9, 90, 4), 6)
    assert.is(scoreNeeded(counts, 9, 90, 51), null, '51 x 1 / 1000')
    assert.is(scoreNeeded(counts, 5, 50, 4), null, 'five texts have no score of 6')
    // Two of four texts are dealt to their own category in one of six labellings; three of nine in one of 84.
    assert.is(scoreNeeded([999], 2, 4, 1), null)
    assert.is(scoreNeeded([999], 3, 9, 3), 1)
    assert.is(scoreNeeded([999], 3, 6, 1), 1, 'one of 20 is exactly 0.05')
    assert.equal([textsNeeded(3, 3), textsNeeded(2, 2), textsNeeded(7, 7)], [4, 5, 3]) // prettier-ignore
  },
)

chance(
  'a corrected p of exactly 0.05 is beyond chance, one above it within; the score needed says the same',
  () => {
    const { means, categories } = withPlant(9, 1)
    const analysis = analyseLayer(means, categories, 5, 0)
    // The planted score is in no draw: p is 1 / 80 of 79 shuffles, times four categories exactly 0.05.
    const score = (permutations: number) =>
      withStatistics([{ analysis, means, streamNorm: null }], categories, { ...DRAWS, permutations })[0]
        .statistics.categories[0].score
    assert.is(score(79).p_corrected, 0.05)
    assert.is(score(79).within_chance, false)
    assert.ok(score(79).needed! <= 9)
    assert.is(score(78).within_chance, true)
    assert.is(score(78).needed, null)
  },
)

chance('the same seed deals the same labels, another others; each category keeps its size', () => {
  const columns = columnsAbove(
    sparse(Array.from({ length: 30 }, (_, i) => [i % 3 ? 9 : 0, i % 5 ? 0 : 9])),
    5,
  )
  const labels = labelsOf(inOrder([3, 9, 18]))
  const draw = (seed: number) => scoreNull(columns, labels, 3, { permutations: 200, seed }).counts
  assert.equal(draw(4), draw(4))
  assert.not.equal(draw(4), draw(5))
  assert.ok(draw(4)[0].length <= 4, 'a category of three texts has scores up to 3')
})

const DRAWS = { permutations: 400, resamples: 100, seed: 0 }

/** Sparse noise; in the first category, feature 0 is above the threshold in `planted` texts and nowhere else. */
function withPlant(planted: number, seed: number, scale = 1): { means: SparseRows; categories: Category[] } {
  const random = randomNumbers(seed)
  const dense = Array.from({ length: 40 }, (_, text) =>
    Array.from({ length: 60 }, (_, feature) => {
      const noise = random() > 0.8 ? 4 + 3 * Math.abs(random()) : 0
      return scale * (feature > 0 ? noise : text < planted ? 6.5 : 0)
    }),
  )
  return { means: sparse(dense), categories: inOrder([10, 10, 10, 10]) }
}

function analysed(planted: number, seed: number): AnalysedLayer {
  const { means, categories } = withPlant(planted, seed)
  const analysis = analyseLayer(means, categories, 5, 0)
  return withStatistics([{ analysis, means, streamNorm: 2 }], categories, DRAWS)[0]
}

chance('a planted specialist stands out, and its category alone; taken away, nothing does', () => {
  const { categories: planted, sum_best_scores: sum } = analysed(9, 1).statistics
  assert.is(ofCategory(planted, 'category 0').score.value, 9)
  assert.is(ofCategory(planted, 'category 0').score.within_chance, false)
  assert.is(ofCategory(planted, 'category 0').auroc?.feature, 0)
  assert.is(ofCategory(planted, 'category 0').auroc?.within_chance, false)
  near(ofCategory(planted, 'category 0').auroc?.value, 0.95)
  assert.ok(sum.p < 0.05 && sum.observed > sum.chance.q95)
  const { categories: without, sum_best_scores: rest } = analysed(0, 1).statistics
  assert.ok(rest.p > 0.05 && rest.observed <= rest.chance.q95)
  for (const { category, score, auroc } of [...without, ofCategory(planted, 'category 2')]) {
    assert.ok(score.within_chance, category)
    assert.ok(auroc?.within_chance, category)
  }
})

chance('without a plant, hardly a data set has anything beyond chance', () => {
  const alarms = Array.from({ length: 40 }, (_, i) => analysed(0, 100 + i)).filter(({ statistics }) =>
    statistics.categories.some(({ score }) => !score.within_chance),
  )
  // Five in a hundred, if scores were not whole numbers: with them, fewer.
  assert.ok(alarms.length <= 5, `${alarms.length} of 40`)
})

chance('sums of many features at once are those of each, the first of equals', () => {
  const random = createRandom(7)
  for (const [texts, features, highest] of [
    [7, 1, 3],
    [12, 600, 40],
    [30, 2100, 1],
    [9, 3000, 2 ** 40],
  ]) {
    // prettier-ignore
    const dense = Array.from({ length: features }, () =>
      Array.from({ length: texts }, () => random.index(highest + 1)),
    )
    const weights = dense
      .map((numbers) => {
        const own = [...numbers.keys()].filter((text) => numbers[text] !== numbers[0])
        const start = -random.index(3)
        return { texts: own, weights: own.map((text) => numbers[text]), rest: numbers[0], start, numbers }
      })
      .sort((a, b) => b.start + sum(b.numbers) - (a.start + sum(a.numbers)))
    const labels = Uint32Array.from({ length: texts }, () => random.index(3))
    const inCategory = (numbers: readonly number[], c: number) => sum(numbers.filter((_, text) => labels[text] === c)) // prettier-ignore
    const largest = Math.max(...[0, 1, 2].map((c) => labels.filter((label) => label === c).length))
    const { sums, at } = bestSums(packWeights(weights, texts, largest), labels, 3)
    for (const c of [0, 1, 2]) {
      const all = weights.map(({ start, numbers }) => start + inCategory(numbers, c))
      const best = Math.max(0, ...all)
      assert.is(sums[c], best, `${features} features, category ${c}`)
      if (best > 0) assert.is(at[c], all.indexOf(best))
    }
  }
})

const areas = suite('AUROC of every feature')

areas('the best of a category is that of the plain definition, the lowest number where several are', () => {
  fc.assert(
    fc.property(cases, ({ dense, categories }) => {
      const sizes = categories.map(({ rows }) => rows.length)
      const columns = rankColumns(columnsAbove(sparse(dense), 0), dense.length, sizes)
      const found = bestAurocs(columns, labelsOf(categories), sizes)
      for (const [c, { rows }] of categories.entries()) {
        const plain = dense[0].flatMap((_, feature) => {
          const column = dense.map((text) => text[feature])
          if (column.filter((value) => value > 0).length < 2) return []
          const value = auroc(rows.map((row) => column[row]), column.filter((_, row) => !rows.includes(row))) // prettier-ignore
          return value === null ? [] : [{ feature, value }]
        })
        const best = Math.max(...plain.map(({ value }) => value))
        assert.is(found[c]?.feature, plain.find(({ value }) => value >= best - 1e-12)?.feature)
        if (found[c]) near(found[c].value, best)
      }
    }),
  )
})

const resampling = suite('bootstrap')

resampling('another seed draws other texts and deals other labels, in all that is drawn', () => {
  const { means, categories } = withPlant(4, 5)
  const columns = columnsAbove(means, 5)
  const inputs = [0, 1].map((layer) => ({
    analysis: analyseLayer(means, categories, 5, layer),
    means: layer === 1 ? withPlant(9, 6).means : means,
    streamNorm: null,
  }))
  const drawn = (seed: number) => {
    const draws = { ...DRAWS, seed }
    const [{ statistics }] = withStatistics(inputs, categories, draws)
    const { score, auroc, aggregate_interval } = ofCategory(statistics.categories, 'category 1')
    const steps = statistics.categories.map(({ peak_step, aggregate_step }) => [peak_step, aggregate_step])
    return {
      ...{ resampled: bootstrap(means, categories, draws) },
      ...{ scores: resampleScores(columns, [0, 1, 2, 3], categories, draws) },
      ...{ score, auroc, aggregate_interval, steps },
      ...{ rise: statistics.rise_to_last!.interval, curve: statistics.threshold_curve },
    }
  }
  const [first, again, other] = [3, 3, 5].map(drawn)
  assert.equal(again, first)
  for (const [name, figures] of Object.entries(other))
    assert.not.equal(figures, first[name as keyof typeof first], name)
})

resampling('of two texts, one is left out in half of the resamples: the interval spans both', () => {
  const features = sparse([[4, 1], [10, 0], [3, 2]]) // prettier-ignore
  const [both, one, none] = bootstrap(features, inOrder([2, 1, 0]), { resamples: 400, seed: 2 }).map(
    intervalsOf,
  )
  assert.equal(both, { peak: [4, 10], aggregate: [5, 11] })
  assert.equal(one, { peak: [3, 3], aggregate: [5, 5] })
  assert.is(none, null)
  // Two texts are drawn: the quieter one twice in a quarter of the resamples, which is 100 with a standard deviation of 9.
  const [{ peaks }] = bootstrap(features, inOrder([2, 1, 0]), { resamples: 400, seed: 2 })
  const quieter = peaks.filter((peak) => peak === 4).length
  assert.ok(Math.abs(quieter - 100) < 35, `${quieter}`)
})

resampling(
  'no interval reaches above the figure, and scaling a layer scales its intervals: the same texts are drawn',
  () => {
    const { means, categories } = withPlant(4, 5)
    const figures = analyseLayer(means, categories, 5).categories
    const twice = bootstrap(withPlant(4, 5, 2).means, categories, DRAWS).map(intervalsOf)
    for (const [c, intervals] of bootstrap(means, categories, DRAWS).map(intervalsOf).entries()) {
      assert.ok(intervals && intervals.peak[1] <= figures[c].peak!.value)
      assert.ok(intervals.aggregate[1] <= figures[c].aggregate_top5 + 1e-9)
      assert.ok(intervals.aggregate[0] < intervals.aggregate[1])
      intervals.aggregate.forEach((bound, i) => near(twice[c]!.aggregate[i], 2 * bound, 1e-4))
    }
  },
)

resampling('the aggregate takes the five strongest features, each once', () => {
  const features = sparse([[1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1]]) // prettier-ignore
  const [all] = bootstrap(features, inOrder([2]), { resamples: 200, seed: 1 }).map(intervalsOf)
  // Both texts: 7 6 5 5 6 7 -> 7, 7, 6, 6, 5; one of them: 7, 6, 5, 4, 3.
  assert.equal(all?.aggregate, [25, 31])
})

resampling(
  'scores of the chosen features: all texts of a category or none, less those of others, at least 0',
  () => {
    // Feature 0 stands for the first category's only text; feature 1 for the second's, and for one of the third's two.
    const columns = columnsAbove(sparse([[9, 0], [0, 9], [0, 9], [0, 0]]), 5) // prettier-ignore
    const categories = inOrder([1, 1, 2])
    const draws = { resamples: 300, seed: 1 }
    const sums = (chosen: (number | undefined)[]) => [
      ...new Set(resampleScores(columns, chosen, categories, draws)),
    ]
    assert.equal(sums([0, undefined, undefined]), [1])
    assert.equal(sums([1, undefined, 7]), [0])
    // The other's text is drawn never, once or twice: 1 - 0, 1 - 1, and 1 - 2, which counts as 0.
    assert.equal(sums([undefined, 1, undefined]).sort(), [0, 1])
  },
)

resampling(
  'the same texts are drawn in every layer, so that twice as loud is twice as high draw by draw',
  () => {
    const { means, categories } = withPlant(4, 5)
    const twice = bootstrap(withPlant(4, 5, 2).means, categories, DRAWS)
    for (const [c, { peaks }] of bootstrap(means, categories, DRAWS).entries())
      peaks.forEach((peak, draw) => near(twice[c].peaks[draw], 2 * peak, 1e-4))
  },
)

resampling('two texts can be drawn in 4 ways, three in 27, four in 256: 95 % takes 40', () => {
  assert.equal([[1], [2], [3], [4], [2, 2], [2, 2, 2], [1, 1, 1, 1]].map((sizes) => tooFewToResample(sizes)), [true, true, true, false, true, false, true]) // prettier-ignore
  // 0.05 for each of 35 steps takes 1,400 ways: 3,125 of five texts.
  near(jointLevel(35), 1 - 0.05 / 35)
  assert.equal([4, 5].map((texts) => tooFewToResample([texts], jointLevel(35))), [true, false]) // prettier-ignore
})

const rises = suite('rises')

rises('sums stand in the order of the draws: two layers that are alike rise in no draw', () => {
  const { means, categories } = withPlant(4, 5)
  const layers = [0, 1, 2].map((layer) => ({
    analysis: analyseLayer(means, categories, 5, layer),
    means: layer === 1 ? withPlant(9, 5).means : means,
    streamNorm: null,
  }))
  const columns = columnsAbove(means, 5)
  const { sums } = scoreNull(columns, labelsOf(categories), 4, DRAWS)
  assert.not.equal(sums, sums.toSorted())
  const [{ statistics }, middle, last] = withStatistics(layers, categories, DRAWS)
  assert.equal(statistics.rise_to_last, { value: 0, p: 1, interval: [0, 0] })
  assert.is(last.statistics.rise_to_last, null)
  assert.is(ofCategory(last.statistics.categories, 'category 0').peak_step, null)
  assert.ok(middle.statistics.rise_to_last!.value < 0)
})

rises('a step is counted draw by draw, and a draw in which nothing changes is no rise', () => {
  const { means, categories } = withPlant(4, 5)
  const louder = { ...means, values: means.values.map((value) => 2 * value) }
  const inputs = [means, louder, louder].map((means, layer) => ({
    analysis: analyseLayer(means, categories, 5, layer),
    ...{ means, streamNorm: null },
  }))
  const [up, still] = withStatistics(inputs, categories, DRAWS)
  const least = 1 / (1 + DRAWS.resamples)
  for (const { peak_step, aggregate_step } of Object.values(up.statistics.categories))
    assert.equal([peak_step, aggregate_step], [{ p_rise: least, p_fall: 1 }, { p_rise: least, p_fall: 1 }]) // prettier-ignore
  assert.equal(ofCategory(still.statistics.categories, 'category 0').peak_step, { p_rise: 1, p_fall: least })
})

rises(
  'with progress the numbers are the same, every part is counted, and others are heard in between',
  async () => {
    const { means, categories } = withPlant(4, 5)
    const inputs = [0, 1].map((layer) => ({
      analysis: analyseLayer(means, categories, 5, layer),
      ...{ means, streamNorm: null },
    }))
    let heard = 0
    let running = true
    const listen = () => {
      heard++
      if (running) setImmediate(listen)
    }
    setImmediate(listen)
    const write = process.stderr.write.bind(process.stderr)
    const terminal = { isTTY: process.stderr.isTTY, columns: process.stderr.columns }
    let said = ''
    Object.assign(process.stderr, { isTTY: true, columns: 200 })
    process.stderr.write = (chunk: string | Uint8Array) => {
      said += String(chunk)
      return true
    }
    const shown = await withStatisticsShown(inputs, categories, DRAWS, false).finally(() => {
      running = false
      process.stderr.write = write
      Object.assign(process.stderr, terminal)
    })
    assert.equal(shown, withStatistics(inputs, categories, DRAWS))
    assert.match(said, 'statistics')
    assert.match(said, '12/12 parts')
    assert.not.match(said, '13/12')
    assert.ok(heard >= 12, `${heard}`)
  },
)

rises('p counts the draws that rise as much, those that rise exactly as much included', () => {
  // One text per category: whatever the labels, the scores are the same, and so is the rise.
  const layer = (own: number, n: number) => {
    const means = sparse([0, 1, 2].map((t) => [0, 1, 2].map((f) => (f === t && f < own ? 9 : 0))))
    return { analysis: analyseLayer(means, inOrder([1, 1, 1]), 5, n), means, streamNorm: null }
  }
  const [{ statistics }] = withStatistics([layer(2, 0), layer(3, 1)], inOrder([1, 1, 1]), DRAWS)
  assert.equal(statistics.rise_to_last, { value: 1, p: 1, interval: [1, 1] })
  assert.is(statistics.sum_best_scores.p, 1)
})

areas('p counts the draws that do as well, those that do exactly as well included', () => {
  // One text per category: the label of the loudest text is alone in having 1, in a third of the deals.
  const means = sparse([[1], [2], [0]])
  const input = { analysis: analyseLayer(means, inOrder([1, 1, 1]), 5), means, streamNorm: null }
  const [{ statistics }] = withStatistics([input], inOrder([1, 1, 1]), DRAWS)
  const { value, p, p_corrected } = ofCategory(statistics.categories, 'category 1').auroc!
  assert.is(value, 1)
  near(p, 1 / 3, 0.08)
  near(p_corrected, 3 * p)
})

const confound = suite('scale')

confound('the threshold for so many pairs leaves so many above it, fewer where activations tie', () => {
  const features = sparse([[1, 2, 3, 4], [5, 6, 0, 8]]) // prettier-ignore
  const above = (threshold: number) => features.values.filter((value) => value > threshold).length
  for (const pairs of [0, 1, 3, 6]) assert.is(above(thresholdForPairs(features, pairs)), pairs)
  assert.is(thresholdForPairs(features, 7), 0)
  assert.is(thresholdForPairs(features, 100), 0)
  assert.is(thresholdForPairs(sparse([[3, 3, 3, 9]]), 2), 3)
})

confound('the mean norm leaves BOS out, and the mean over d_model where the SAE does', () => {
  const stream = Tensor.of([5, 2], [900, 900, 3, 4, 900, 900, 6, 8, 1, 1])
  near(meanNorm(stream, [2, 3], false), (5 + 10 + Math.SQRT2) / 3, 1e-6)
  near(meanNorm(stream, [2, 3], true), (Math.SQRT1_2 + Math.SQRT2 + 0) / 3, 1e-6)
})

confound('a layer ten times as loud has more pairs and other scores, but the same at equal pairs', () => {
  const categories = inOrder([10, 10, 10, 10])
  const input = (scale: number, layer: number) => {
    const { means } = withPlant(6, 9, scale)
    return { means, analysis: analyseLayer(means, categories, 5, layer), streamNorm: 7 * scale }
  }
  const [quiet, loud] = withStatistics([input(1, 0), input(10, 1)], categories, DRAWS)
  assert.ok(loud.pairs_above_threshold > quiet.pairs_above_threshold)
  assert.not.equal(loud.statistics.sum_best_scores, quiet.statistics.sum_best_scores)
  assert.is(quiet.statistics.equal_pairs?.pairs, quiet.pairs_above_threshold)
  assert.is(loud.statistics.equal_pairs?.pairs, quiet.pairs_above_threshold)
  assert.is(loud.statistics.equal_pairs?.sum_best_scores, quiet.statistics.sum_best_scores.observed)
  for (const [c, figures] of quiet.statistics.categories.entries()) {
    const other = loud.statistics.categories[c]
    assert.is(figures.equal_pairs_score, figures.score.value)
    assert.is(other.equal_pairs_score, figures.score.value)
    near(figures.peak_by_norm!, quiet.categories[c].peak!.value / 7)
    near(other.peak_by_norm!, figures.peak_by_norm!, 1e-6)
    near(other.aggregate_by_norm!, figures.aggregate_by_norm!, 1e-6)
    near(other.auroc!.value, figures.auroc!.value)
  }
})

confound('one layer has no other to be equal to, and an unknown norm divides nothing', () => {
  const { means, categories } = withPlant(6, 9)
  const analysis = analyseLayer(means, categories, 5)
  const [{ statistics }] = withStatistics([{ analysis, means, streamNorm: null }], categories, DRAWS)
  assert.is(statistics.equal_pairs, null)
  assert.is(ofCategory(statistics.categories, 'category 0').equal_pairs_score, null)
  assert.is(ofCategory(statistics.categories, 'category 0').peak_by_norm, null)
})

confound('the threshold curve: ever fewer pairs, scores as of the analysis at each threshold', () => {
  const { means, categories } = withPlant(8, 3)
  const curve = thresholdCurve(means, labelsOf(categories), 4, 0)
  assert.ok(curve.every(({ pairs }, i) => i === 0 || pairs <= curve[i - 1].pairs))
  const half = curve.find(({ quantile }) => quantile === 0.5)!
  near(half.pairs / means.values.length, 0.5, 0.01)
  const { categories: figures } = analyseLayer(means, categories, half.threshold)
  const expected = figures.map(({ full_search }) => Math.max(0, full_search.best_score ?? 0))
  assert.is(half.sum_best_scores, expected.reduce((sum, score) => sum + score, 0)) // prettier-ignore
  assert.ok(half.chance.mean > 0 && half.chance.mean <= half.chance.q95)
  assert.equal(thresholdCurve(sparse([[0], [0]]), labelsOf(inOrder([1, 1])), 2, 0), [])
})

chance.run()
areas.run()
resampling.run()
rises.run()
confound.run()
