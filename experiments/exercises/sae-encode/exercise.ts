import * as fc from 'fast-check'
import { toDense } from '../../../engine/sparse.ts'
import { sourceOf } from '../../../engine/weights/weights.ts'
import { Tensor } from '../../../engine/tensor.ts'
import { row, rows, size } from '../cases.ts'
import { exercise } from '../exercise.ts'
import { byReference, tensorOf } from '../reference.ts'

interface Variant {
  readonly negative?: boolean
  readonly uncentred?: boolean
  readonly biasAfter?: boolean
  readonly added?: boolean
}

const as =
  ({ negative, uncentred, biasAfter, added }: Variant) =>
  (x: number[], W_enc: number[][], b_enc: number[], b_dec: number[]): number[] =>
    b_enc.map((bias, feature) => {
      const shifted = x.map((value, i) => (uncentred ? value : added ? value + b_dec[i] : value - b_dec[i]))
      const sum = shifted.reduce((sum, value, i) => sum + value * W_enc[i][feature], 0)
      if (biasAfter) return Math.max(0, sum) + bias
      return negative ? sum + bias : Math.max(0, sum + bias)
    })

export const saeEncode = exercise({
  name: 'sae-encode',
  title: 'From a residual row to features',
  difficulty: 1,
  minutes: 10,
  read: ['sae/encoder.ts', 'sae/architectures/standard.ts'],
  predict:
    'Why does an SAE have more features than the stream has dimensions, and why must few of them be active at once?',
  answer:
    'The model stores more ideas than it has dimensions, as directions that are nearly at right angles (superposition). More features than dimensions give each idea a direction of its own. Without sparsity they could be any rotation of the stream, and mean nothing.',
  hints: [
    'Subtract b_dec from x first: the features describe how x differs from the typical row.',
    'Then each feature is one sum, over its column of W_enc. b_enc decides how large that must be for the feature to be active at all: does it come before relu, or after?',
  ],
  exported: 'encode',
  parameters: ['x', 'W_enc', 'b_enc', 'b_dec'],
  cases: fc
    .tuple(size, size)
    .chain(([dIn, dSae]) => fc.tuple(row(dIn), rows(dIn, dSae), row(dSae), row(dIn))),
  right: async (x: number[], W_enc: number[][], b_enc: number[], b_dec: number[]) => {
    const [features] = await byReference(async (ops, upload) => {
      const weight = Tensor.of([W_enc.length, b_enc.length], W_enc.flat())
      const encoder = await ops.prepareEncoder(
        sourceOf('W_enc', weight),
        sourceOf('b_enc', tensorOf(...b_enc)),
      )
      const centred = await ops.subtract(upload([x]), upload([b_dec]))
      return ops.upload(toDense(await ops.sparseEncode(centred, encoder)))
    })
    return features
  },
  mistakes: {
    'Negative sums are kept: relu is missing.': as({ negative: true }),
    'b_dec is not subtracted from x.': as({ uncentred: true }),
    'b_dec is added to x. It is subtracted here, and added back by the decoder.': as({ added: true }),
    'b_enc is added after relu. It decides how strong a feature must be to be active at all.': as({
      biasAfter: true,
    }),
  },
})
