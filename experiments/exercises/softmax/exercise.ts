import { byReference } from '../reference.ts'
import { row, size } from '../cases.ts'
import { exercise } from '../exercise.ts'
import * as fc from 'fast-check'

/** The largest scores are beyond what exp can hold: exp(710) is infinity. */
const anyScores = size.chain((width) =>
  fc
    .tuple(row(width), fc.constantFrom(1, 300))
    .map(([scores, scale]) => scores.map((score) => score * scale)),
)

export const softmax = exercise({
  name: 'softmax',
  title: 'Turn scores into shares that sum to 1',
  difficulty: 1,
  minutes: 10,
  read: ['engine/reference/softmax.ts'],
  predict: 'What changes in the result if you add 100 to every score?',
  answer:
    'Nothing. exp(x + 100) = exp(x) exp(100), and exp(100) cancels. So you may subtract the largest score, and exp never overflows.',
  hints: [
    'A share is exp(score) divided by the sum of all exp(score).',
    'What is exp(1000), and that divided by itself? Adding the same number to every score changes no share: choose one after which no power overflows.',
  ],
  exported: 'softmax',
  parameters: ['scores'],
  cases: anyScores.map((scores): [number[]] => [scores]),
  right: async (scores: number[]) => (await byReference((ops, upload) => ops.softmax(upload([scores]))))[0],
  mistakes: {
    'The largest score is not subtracted first: exp overflows to infinity, and infinity / infinity is NaN.': (
      scores,
    ) => {
      const sum = scores.reduce((sum, score) => sum + Math.exp(score), 0)
      return scores.map((score) => Math.exp(score) / sum)
    },
    'The sum is missing: these are exp(score - largest), not shares of 1.': (scores) =>
      scores.map((score) => Math.exp(score - Math.max(...scores))),
    'The scores are divided by their sum, without exp.': (scores) => {
      const sum = scores.reduce((sum, score) => sum + score, 0)
      return scores.map((score) => score / sum)
    },
  },
})
