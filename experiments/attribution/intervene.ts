// What the model says when the activation at one hook is replaced.
import { Tensor, type Shape } from '../../engine/tensor.ts'
import { answerOf, type LogitQuestion } from '../../gpt2/attribution.ts'
import { run, type Gpt2 } from '../../gpt2/model.ts'
import { batches } from '../lab/models/features.ts'
import { setImmediate } from 'node:timers/promises'

/** Copies of one text, each with an activation of its own at the hook. */
interface Interventions {
  readonly hook: string
  /** Of the activation of one copy, [tokens, ...]. */
  readonly shape: Shape
  readonly count: number
  /** Writes copy `i`'s into `activation`, which holds anything. */
  readonly put: (i: number, activation: Float32Array) => void
}

/** The number asked for, of each copy; many copies go through the model at once. */
export async function answersWith(
  model: Gpt2,
  ids: readonly number[],
  question: LogitQuestion,
  { hook, shape: [tokens, ...rest], count, put }: Interventions,
  onDone: (copies: number) => void = () => {},
): Promise<number[]> {
  const answers: number[] = []
  for (const copies of batches(Array.from({ length: count }, () => ids))) {
    const activation = Tensor.zeros([copies.length * tokens, ...rest])
    const size = activation.data.length / copies.length
    for (const copy of copies.keys())
      put(answers.length + copy, activation.data.subarray(copy * size, (copy + 1) * size))
    await run(
      model,
      copies,
      {
        [hook]: (_, ops) => Promise.resolve(ops.upload(activation)),
        logits: async (x, ops) => {
          const logits = await ops.download(x)
          for (const copy of copies.keys()) answers.push(answerOf(logits.row(copy), question))
        },
      },
      { lastOnly: true },
    )
    onDone(copies.length)
    await setImmediate() // Ctrl-C is heard
  }
  return answers
}
