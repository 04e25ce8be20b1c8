import * as fc from 'fast-check'
import { rulesOf } from '../../../engine/backward.ts'
import { row, size } from '../cases.ts'
import { exercise } from '../exercise.ts'
import { byReference } from '../reference.ts'

const softmaxOf = (x: readonly number[]): number[] => {
  const powers = x.map((value) => Math.exp(value - Math.max(...x)))
  const sum = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / sum)
}

const dotOf = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0)

export const backward = exercise({
  name: 'backward',
  title: 'The gradient of softmax, by hand',
  difficulty: 3,
  minutes: 30,
  read: ['engine/reference/softmax-backward.ts', 'engine/backward.ts'],
  predict:
    'If you raise one score a little, what happens to the other shares, and what must the gradients at the scores sum to?',
  answer:
    'They fall, because all shares sum to 1. Adding the same to every score changes nothing, so the gradients sum to 0.',
  hints: [
    'Let y = softmax(x). Then dy_i / dx_j is y_i (1 - y_i) where i = j, and -y_i y_j elsewhere.',
    'Each x_j moves every y_i: sum dY_i times dy_i / dx_j over all i, and take out the factor that each term has. Check it by nudging: change one x by 0.001, and see by how much sum(y * dY) changes.',
  ],
  exported: 'softmaxBackward',
  parameters: ['dY', 'y'],
  cases: size.chain((width) => fc.tuple(row(width), row(width).map(softmaxOf))),
  right: async (dY: number[], y: number[]) =>
    (await byReference((ops, upload) => rulesOf(ops).softmax(upload([dY]), upload([y]))))[0],
  mistakes: {
    'Only a score’s own share is counted, y (1 - y) dY: raising a score lowers all the other shares too.': (
      dY,
      y,
    ) => y.map((share, i) => share * (1 - share) * dY[i]),
    'The sign of the second part is wrong: the other shares fall.': (dY, y) =>
      y.map((share, i) => share * (dY[i] + dotOf(dY, y))),
    'The factor y in front is missing.': (dY, y) => dY.map((value) => value - dotOf(dY, y)),
    'This is y - dY: the gradient of cross entropy and softmax taken together.': (dY, y) =>
      y.map((share, i) => share - dY[i]),
  },
})
