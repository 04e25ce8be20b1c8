import * as fc from 'fast-check'
import { rows, size } from '../cases.ts'
import { exercise } from '../exercise.ts'

interface Variant {
  readonly bos?: boolean
  readonly added?: boolean
  readonly kept?: boolean
}

/** What goes on through the model, if feature `off` is switched off. */
const as =
  ({ bos, added, kept }: Variant) =>
  (stream: number[][], features: number[][], W_dec: number[][], off: number): number[][] =>
    stream.map((x, t) => {
      if (t === 0 && !bos) return x
      return x.map((value, i) => {
        const rebuilt = features[t].reduce(
          (sum, activation, f) => sum + (f === off && !kept ? 0 : activation) * W_dec[f][i],
          0,
        )
        return added ? value + rebuilt : rebuilt
      })
    })

export const splice = exercise({
  name: 'splice',
  title: 'Put an SAE into the model, one feature off',
  difficulty: 2,
  minutes: 15,
  read: ['sae/splice.ts', 'sae/edit.ts'],
  predict:
    'The SAE is not perfect. If you replace the stream by its reconstruction, you change more than the one feature. How could you change that feature alone?',
  answer:
    'Add to the stream what the edit changes in the reconstruction: x - activation * W_dec[feature]. What the SAE cannot rebuild (its error) then stays. This project’s ablation does it that way.',
  hints: [
    'A row is rebuilt as the sum over features of activation * W_dec[feature]: the directions, each times its strength.',
    'Row 0 is BOS: its activations are of another size, most SAEs were not trained on it, and it stays as it is.',
  ],
  exported: 'splice',
  parameters: ['stream', 'features', 'W_dec', 'off'],
  cases: fc
    .tuple(size, size, size)
    .chain(([tokens, dIn, dSae]) =>
      fc.tuple(rows(tokens, dIn), rows(tokens, dSae), rows(dSae, dIn), fc.nat(dSae - 1)),
    ),
  right: as({}),
  mistakes: {
    'BOS is replaced too: row 0 stays as it is.': as({ bos: true }),
    'The reconstruction is added to the stream. It takes the stream’s place.': as({ added: true }),
    'The feature is still on.': as({ kept: true }),
  },
})
