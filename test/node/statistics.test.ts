// The statistics, against values published elsewhere, counting by hand, and naive definitions.
import { createRandom } from '../../engine/random.ts'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  auroc,
  holm,
  pearson,
  percentileInterval,
  permutationPValue,
  quantile,
  ranks,
  shuffle,
  spearman,
} from '../../experiments/lab/analysis/statistics.ts'

fc.configureGlobal({ seed: 31, numRuns: 200 })

const near = (found: number | null, expected: number, limit = 1e-12): void =>
  assert.ok(found !== null && Math.abs(found - expected) <= limit, `${found}, expected ${expected}`)

const test = suite('statistics')

test('a permutation p-value counts the data among the draws: never 0, 1 where every draw does as well', () => {
  assert.is(permutationPValue(0, 999), 0.001)
  assert.is(permutationPValue(999, 999), 1)
  assert.is(permutationPValue(49, 999), 0.05)
})

test('Holm: the worked examples of Wikipedia and of p.adjust in R, in any order, never above 1', () => {
  const [a, b, c, d] = holm([0.01, 0.04, 0.03, 0.005])
  for (const [found, expected] of [[a, 0.03], [b, 0.06], [c, 0.06], [d, 0.02]]) near(found, expected) // prettier-ignore
  holm([0.01, 0.02, 0.03, 0.04, 0.05]).forEach((p, i) => near(p, [0.05, 0.08, 0.09, 0.09, 0.09][i]))
  assert.equal(holm([0.9, 0.8]), [1, 1])
  assert.equal(holm([]), [])
})

test('Holm never undercuts a p-value, keeps their order, and stays within Bonferroni', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 9 }), (p) => {
      const corrected = holm(p)
      corrected.forEach((value, i) => {
        assert.ok(value >= p[i] && value <= Math.min(1, p[i] * p.length))
        corrected.forEach((other, j) => assert.ok(p[i] >= p[j] || value <= other))
      })
    }),
  )
})

test('quantile: the example of Wikipedia for C = 1, and the ends', () => {
  const rising = [15, 20, 35, 40, 50]
  near(quantile(rising, 0.4), 29)
  assert.is(quantile(rising, 0), 15)
  assert.is(quantile(rising, 1), 50)
  assert.is(quantile([7], 0.3), 7)
  assert.throws(() => quantile([], 0.5), /^quantile: there are no numbers/)
})

test('a percentile interval leaves a fortieth out at either side, whatever the order', () => {
  const draws = Array.from({ length: 1001 }, (_, i) => (i * 10) % 1001)
  const [low, high] = percentileInterval(draws)
  near(low, 25, 1e-9)
  near(high, 975, 1e-9)
  const [inner] = percentileInterval(draws, 0.5)
  near(inner, 250, 1e-9)
})

test('ranks: ties share the mean of theirs', () => {
  assert.equal([...ranks([10, 30, 20, 20, 5, 20])], [2, 6, 4, 4, 1, 4])
  assert.equal([...ranks([3, 3])], [1.5, 1.5])
})

test('AUROC: the example of scikit-learn, and the tortoises and hares of Mann and Whitney', () => {
  near(auroc([0.35, 0.8], [0.1, 0.4]), 0.75)
  // T H H H H H T T T T T H, first to last: the tortoises' U is 11 of 36 pairs.
  const finish = [...'THHHHHTTTTTH'].map((animal, place) => ({ animal, value: -place }))
  const of = (letter: string) => finish.filter(({ animal }) => animal === letter).map(({ value }) => value)
  near(auroc(of('T'), of('H')), 11 / 36)
  assert.is(auroc([], [1]), null)
  assert.is(auroc([1], []), null)
})

test('AUROC is the share of pairs won, ties counting half', () => {
  const values = fc.array(fc.constantFrom(0, 0, 0, 1, 2.5, 3), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(values, values, (positives, negatives) => {
      const won = positives.flatMap((p) => negatives.map((n) => (p > n ? 1 : p === n ? 0.5 : 0)))
      near(auroc(positives, negatives), won.reduce((sum: number, one) => sum + one, 0) / won.length)
    }),
  )
})

test("Pearson: Anscombe's first set; none where one list does not vary; lists of two lengths refused", () => {
  const x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
  const y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
  near(pearson(x, y), 0.81642, 5e-6)
  near(pearson(x, x.map((value) => -3 * value + 1)), -1) // prettier-ignore
  assert.is(pearson([1, 1, 1], [1, 2, 3]), null)
  const constant = Array<number>(7).fill(0.1) // whose mean is not 0.1 in float64
  const rising = constant.map((_, i) => i)
  for (const [a, b] of [
    [constant, rising],
    [rising, constant],
    [constant, constant],
  ])
    assert.is(pearson(a, b), null)
  assert.throws(() => pearson([1], [1, 2]), /^pearson: 1 numbers and 2/)
})

test('Spearman: IQ and hours of television, -29/165; only the order counts', () => {
  const iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
  const hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
  near(spearman(iq, hours), -29 / 165)
  near(spearman(iq, hours.map((value) => Math.exp(value))), -29 / 165) // prettier-ignore
})

test('shuffles: each order as often as another, the same for the same seed', () => {
  const random = createRandom(1)
  const seen = new Map<string, number>()
  for (let i = 0; i < 6000; i++) {
    const items = Uint32Array.of(0, 1, 2)
    shuffle(items, random)
    seen.set(items.join(), (seen.get(items.join()) ?? 0) + 1)
  }
  // 1,000 each, with a standard deviation of 29.
  assert.is(seen.size, 6)
  for (const count of seen.values()) assert.ok(Math.abs(count - 1000) < 130, `${count}`)
  const order = (seed: number): string => {
    const items = Uint32Array.from({ length: 30 }, (_, i) => i)
    shuffle(items, createRandom(seed))
    return items.join()
  }
  assert.is(order(5), order(5))
  assert.is.not(order(5), order(6))
})

test.run()
