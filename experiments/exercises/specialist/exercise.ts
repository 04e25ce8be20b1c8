import * as fc from 'fast-check'
import { size } from '../cases.ts'
import { exercise } from '../exercise.ts'

const best = (fires: number[][], labels: number[], score: (inside: number, outside: number) => number) =>
  Math.max(
    ...fires[0].map((_, feature) => {
      const inside = fires.filter((row, text) => row[feature] > 0 && labels[text] === 0).length
      const outside = fires.filter((row, text) => row[feature] > 0 && labels[text] !== 0).length
      return score(inside, outside)
    }),
  )

/** The share of shuffles in which chance does as well. */
function share(
  fires: number[][],
  labels: number[],
  shuffles: number[][],
  reaches: (chance: number, real: number) => boolean,
  count = (reached: number, all: number) => (1 + reached) / (1 + all),
): number {
  const real = best(fires, labels, (inside, outside) => inside - outside)
  const reached = shuffles.filter((order) => {
    const dealt = order.map((text) => labels[text])
    return reaches(
      best(fires, dealt, (inside, outside) => inside - outside),
      real,
    )
  })
  return count(reached.length, shuffles.length)
}

/** With how many features fire on which texts, labels 0 or 1, and some orders of the texts. */
const anyTable = fc.tuple(fc.integer({ min: 2, max: 6 }), size).chain(([texts, features]) =>
  fc.tuple(
    fc.array(fc.array(fc.constantFrom(0, 0, 1), { minLength: features, maxLength: features }), {
      minLength: texts,
      maxLength: texts,
    }),
    fc.array(fc.constantFrom(0, 1), { minLength: texts, maxLength: texts }),
    fc.array(fc.shuffledSubarray([...Array(texts).keys()], { minLength: texts }), {
      minLength: 1,
      maxLength: 6,
    }),
  ),
)

export const specialist = exercise({
  name: 'specialist',
  title: 'Is the best of many features more than luck?',
  difficulty: 3,
  minutes: 30,
  read: ['experiments/lab/analysis/null-model.ts'],
  predict:
    'With 24,576 features and 10 texts of a category, is a feature that fires on 6 of them and on no other text remarkable?',
  answer:
    'That depends on how often the best of 24,576 features does so when the labels are dealt out at random, not on how rare it is for one feature. Whoever searches must let chance search too.',
  hints: [
    'A score is (texts of category 0 on which the feature fires) minus (other texts on which it fires). The real best is the largest score of any feature.',
    'After each deal search all features again: chance may choose the best of them too. The real labels count as one deal more, so the answer is never 0.',
  ],
  exported: 'pValue',
  parameters: ['fires', 'labels', 'orders'],
  cases: anyTable,
  right: (fires: number[][], labels: number[], shuffles: number[][]) =>
    share(fires, labels, shuffles, (chance, real) => chance >= real),
  mistakes: {
    'Only shuffles that beat the real best are counted. One that equals it counts too.': (
      fires,
      labels,
      shuffles,
    ) => share(fires, labels, shuffles, (chance, real) => chance > real),
    'The real labelling is not counted as one of the draws: add 1 above and below, so that p is never 0.': (
      fires,
      labels,
      shuffles,
    ) =>
      share(
        fires,
        labels,
        shuffles,
        (chance, real) => chance >= real,
        (reached, all) => reached / all,
      ),
    'Chance is asked about the winning feature alone. It must search all features again, as you did.': (
      fires,
      labels,
      shuffles,
    ) => {
      const scores = fires[0].map((_, f) =>
        best(
          fires.map((row) => [row[f]]),
          labels,
          (a, b) => a - b,
        ),
      )
      const winner = scores.indexOf(Math.max(...scores))
      const alone = fires.map((row) => [row[winner]])
      return share(alone, labels, shuffles, (chance, real) => chance >= real)
    },
  },
})
