import * as fc from 'fast-check'
import { positiveEntries } from '../../../engine/sparse.ts'
import { Tensor } from '../../../engine/tensor.ts'
import { QualityMeter } from '../../../sae/metrics.ts'
import { rows } from '../cases.ts'
import { exercise } from '../exercise.ts'

function ofAll(x: number[][], rebuilt: number[][], meanOf: (column: number[]) => number): number {
  let [error, spread] = [0, 0]
  for (let i = 0; i < x[0].length; i++) {
    const mean = meanOf(x.map((row) => row[i]))
    for (const [t, row] of x.entries()) {
      error += (row[i] - rebuilt[t][i]) ** 2
      spread += (row[i] - mean) ** 2
    }
  }
  return 1 - error / spread
}

const average = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

const sizes = fc.tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 2, max: 4 }))

export const explainedVariance = exercise({
  name: 'explained-variance',
  title: 'How much of the stream does an SAE explain?',
  difficulty: 1,
  minutes: 10,
  read: ['sae/metrics.ts'],
  predict: 'What does an SAE get that always answers with the mean row, and can the figure be below zero?',
  answer:
    'Exactly 0, because the mean is what the figure is measured against; worse than the mean is below zero. Measured against zero instead, answering with the mean alone can look like .9, where the mean row is long beside the differences.',
  hints: [
    'Error: the sum over all numbers of (x - rebuilt) squared. Spread: the sum of (x - mean) squared.',
    'The mean is a row: for each dimension the mean over tokens. The figure is 1 - error / spread, over all tokens and dimensions at once.',
  ],
  exported: 'explainedVariance',
  parameters: ['x', 'rebuilt'],
  cases: sizes
    .chain(([tokens, width]) => fc.tuple(rows(tokens, width), rows(tokens, width)))
    .filter(([x]) => x[0].every((_, i) => new Set(x.map((row) => row[i])).size > 1)),
  right: (x: number[][], rebuilt: number[][]) => {
    const tensor = (rows: number[][]) => Tensor.of([rows.length, rows[0].length], rows.flat())
    const meter = new QualityMeter(x[0].length, 1)
    meter.add(tensor(x), tensor(rebuilt), positiveEntries(Tensor.zeros([x.length, 1])), 0)
    return meter.quality().explainedVariance
  },
  mistakes: {
    'The spread is measured against zero, not against the mean.': (x, rebuilt) => ofAll(x, rebuilt, () => 0),
    'One mean of all numbers is taken. Each dimension has its own.': (x, rebuilt) =>
      ofAll(x, rebuilt, () => average(x.flat())),
    'This is the share that is not explained. What is wanted is 1 minus it.': (x, rebuilt) =>
      1 - ofAll(x, rebuilt, average),
    'Each dimension’s share is averaged. Sum errors and spreads over all dimensions first, then divide once.':
      (x, rebuilt) =>
        average(
          x[0].map((_, i) =>
            ofAll(
              x.map((row) => [row[i]]),
              rebuilt.map((row) => [row[i]]),
              average,
            ),
          ),
        ),
  },
})
