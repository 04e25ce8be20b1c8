import * as fc from 'fast-check'
import { Tensor } from '../../../engine/tensor.ts'
import { sourceOf } from '../../../engine/weights/weights.ts'
import { row, rows } from '../cases.ts'
import { exercise } from '../exercise.ts'
import { byReference, tensorOf } from '../reference.ts'

interface Variant {
  readonly rowsOff?: boolean
  readonly interleaved?: boolean
  readonly output?: boolean
  readonly biasOff?: boolean
}

const as =
  ({ rowsOff, interleaved, output, biasOff }: Variant) =>
  (z: number[][], W_O: number[][], b_O: number[], heads: number, head: number): number[][] => {
    const dHead = z[0].length / heads
    const isOff = (i: number) => (interleaved ? i % heads === head : Math.floor(i / dHead) === head)
    return z.map((row, t) =>
      b_O.map((bias, j) => {
        if (output && isOff(j)) return 0
        const sum = row.reduce((sum, value, i) => {
          const off = rowsOff ? t === head : !output && isOff(i)
          return sum + (off ? 0 : value) * W_O[i][j]
        }, 0)
        return sum + (biasOff ? 0 : bias)
      }),
    )
  }

export const headAblation = exercise({
  name: 'head-ablation',
  title: 'Switch a head off',
  difficulty: 2,
  minutes: 15,
  read: ['experiments/examples/head-ablation.ts', 'gpt2/block.ts'],
  predict: 'You switch off a head and the logits hardly change. Does that head do nothing?',
  answer:
    'Not necessarily. Later heads may do the same job and take over (backup heads), and zero is itself an unusual value for the layers after it. An ablation says what the rest of the model cannot make up for.',
  hints: [
    'Before W_O the heads stand side by side: head h owns the columns from h * dHead to (h + 1) * dHead of z. After W_O they are mixed.',
    'So the head is switched off before the product with W_O, on every token. Which head does b_O belong to?',
  ],
  exported: 'withoutHead',
  parameters: ['z', 'W_O', 'b_O', 'heads', 'head'],
  cases: fc
    .record({
      tokens: fc.integer({ min: 1, max: 4 }),
      heads: fc.constantFrom(2, 3),
      dHead: fc.constantFrom(1, 2, 3),
    })
    .chain(({ tokens, heads, dHead }) => {
      const width = heads * dHead
      return fc.tuple(
        rows(tokens, width),
        rows(width, width),
        row(width),
        fc.constant(heads),
        fc.nat(heads - 1),
      )
    }),
  right: (z: number[][], W_O: number[][], b_O: number[], heads: number, head: number) =>
    byReference(async (ops, upload) => {
      const dHead = z[0].length / heads
      const kept = z.map((row) =>
        row.map((value, i) => (i >= head * dHead && i < (head + 1) * dHead ? 0 : value)),
      )
      const weight = sourceOf('W_O', Tensor.of([W_O.length, b_O.length], W_O.flat()))
      return ops.linear(upload(kept), await ops.prepareLinear(weight, sourceOf('b_O', tensorOf(...b_O))))
    }),
  mistakes: {
    'A token’s row is set to zero, not a head’s columns: heads and tokens are swapped.': as({
      rowsOff: true,
    }),
    'Every h-th column is taken for a head. A head’s columns lie side by side.': as({ interleaved: true }),
    'Columns of the output are set to zero. After W_O the heads are mixed: do it before.': as({
      output: true,
    }),
    'b_O is left out. It belongs to no head.': as({ biasOff: true }),
  },
})
