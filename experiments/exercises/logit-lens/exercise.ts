import * as fc from 'fast-check'
import { sourceOf } from '../../../engine/weights/weights.ts'
import { Tensor } from '../../../engine/tensor.ts'
import { row, rows } from '../cases.ts'
import { exercise } from '../exercise.ts'
import { byReference, tensorOf } from '../reference.ts'

const EPS = 1e-5

interface Variant {
  readonly bare?: boolean
  readonly added?: boolean
}

/** The stream read early: normalised, then against each token's row. */
const as =
  ({ bare, added }: Variant) =>
  (x: number[], weight: number[], bias: number[], wte: number[][]): number[] => {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length
    const normed = x.map((value, i) => ((value - mean) / Math.sqrt(variance + EPS)) * weight[i] + bias[i])
    const read = bare ? x : added ? x.map((value, i) => value + normed[i]) : normed
    return wte.map((token) => token.reduce((sum, value, i) => sum + value * read[i], 0))
  }

export const logitLens = exercise({
  name: 'logit-lens',
  title: 'What would the model say if it stopped here?',
  difficulty: 2,
  minutes: 15,
  read: ['experiments/examples/logit-lens.ts'],
  predict: 'Why can the stream in the middle of the model be read with the last layer’s instruments at all?',
  answer:
    'Because every block adds to the stream and none replaces it. The same directions keep their meaning from layer to layer, more or less; in the first layers less.',
  hints: [
    'First the final LayerNorm (eps = 1e-5), as the exercise layer-norm has it: the logits are read from the normalised stream.',
    'Every token has a row in wte. The logit is large where the normalised row points the same way: which product of two rows says how far it does?',
  ],
  exported: 'logitLens',
  parameters: ['x', 'weight', 'bias', 'wte'],
  cases: fc
    .tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 1, max: 4 }))
    .chain(([width, tokens]) => fc.tuple(row(width), row(width), row(width), rows(tokens, width))),
  right: async (x: number[], weight: number[], bias: number[], wte: number[][]) => {
    const [logits] = await byReference(async (ops, upload) => {
      const norm = await ops.prepareNorm(
        sourceOf('weight', tensorOf(...weight)),
        sourceOf('bias', tensorOf(...bias)),
      )
      const table = sourceOf('wte', Tensor.of([wte.length, x.length], wte.flat()))
      const head = await ops.prepareLinear(table, undefined, { transposed: true })
      return ops.linear(await ops.layerNorm(upload([x]), norm, EPS), head)
    })
    return logits
  },
  mistakes: {
    'The final LayerNorm is left out.': as({ bare: true }),
    'The normalised row is added to the stream: it is read instead of it.': as({ added: true }),
  },
})
