import * as fc from 'fast-check'
import { row, rows } from '../cases.ts'
import { exercise } from '../exercise.ts'
import { identity, mirrored, product, transposed, type Matrix, type Rotated } from './matrices.ts'
import { rotatedLosses } from './rotate-model.ts'

/** The part as it stands on the rotated board. */
const onBoard =
  (rotated: Rotated) =>
  (x: Matrix, W_in: Matrix, W_out: Matrix, R: Matrix): Matrix => {
    const [read, written] = rotated(W_in, W_out, R)
    return part(product(x, R), read, written)
  }

/** x + ReLU(x W_in) W_out */
function part(x: Matrix, W_in: Matrix, W_out: Matrix): Matrix {
  const hidden = product(x, W_in).map((row) => row.map((value) => Math.max(0, value)))
  return product(hidden, W_out).map((row, t) => row.map((value, i) => x[t][i] + value))
}

export const rotation = exercise({
  name: 'rotation',
  title: 'Rotate the board, and nothing changes',
  difficulty: 2,
  minutes: 20,
  read: ['gpt2/block.ts', 'gpt2/mlp.ts', 'experiments/exercises/rotation/rotate-model.ts'],
  predict:
    'The stream can be rotated without any change in what the model says. Can the neurons, between W_in and W_out?',
  answer:
    'No. ReLU and GELU bend each number by itself, and a rotated row is bent elsewhere. So neurons are axes that the model has, and the single numbers of the stream are not: only directions in it mean something. LayerNorm leaves the stream one axis, that of equal numbers, because it takes the mean away.',
  hints: [
    'A neuron’s number is x . w, w its column of W_in. On the new board it is (x R) . w’. Which w’ gives the same number?',
    '(x R) . w’ is x . (R w’), so R w’ must be w, and the inverse of a rotation is its transpose. What a row of W_out writes is a row of the stream: rotate it as every other.',
  ],
  exported: 'rotated',
  parameters: ['x', 'W_in', 'W_out', 'R'],
  cases: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 4 })).chain(([tokens, width]) =>
    fc.tuple(
      rows(tokens, width),
      rows(width, width),
      rows(width, width),
      fc.tuple(row(width), row(width)).map(([u, v]) => mirrored(mirrored(identity(width), u), v)),
    ),
  ),
  call: (written) => onBoard(written as unknown as Rotated),
  right: (x: Matrix, W_in: Matrix, W_out: Matrix, R: Matrix) => product(part(x, W_in, W_out), R),
  mistakes: {
    'W_in is rotated by R. It reads a rotated row, and has to undo that: R^T W_in.': onBoard(
      (W_in, W_out, R) => [product(R, W_in), product(W_out, R)],
    ),
    'W_out is as it was: what is written is not rotated, and no reader expects it so.': onBoard(
      (W_in, W_out, R) => [product(transposed(R), W_in), W_out],
    ),
    'W_in is as it was: the neurons read the rotated row with the old directions.': onBoard(
      (W_in, W_out, R) => [W_in, product(W_out, R)],
    ),
    'The neurons are rotated too. ReLU stands between W_in and W_out, and bends each number by itself: there nothing may be rotated.':
      onBoard((W_in, W_out, R) => [
        product(product(transposed(R), W_in), R),
        product(product(transposed(R), W_out), R),
      ]),
  },
  async afterwards(written) {
    const { before, stream, neurons } = await rotatedLosses(written as unknown as Rotated)
    return (
      `The bundled model, on 20 texts: ${before.toFixed(4)} nats per token. With your function on every reader and writer of its stream: ` +
      `${stream.toFixed(4)}. With the neurons of layer 3 rotated, and rotated back after GELU: ${neurons.toFixed(4)}.`
    )
  },
})
