// The gradient of a logit at any hook of the forward pass.
import type { DeviceTensor } from '../engine/backend.ts'
import { record } from '../engine/tape.ts'
import { Tensor } from '../engine/tensor.ts'
import { answerOf, type LogitQuestion } from './attribution.ts'
import type { Hook, HookTable } from './hooks.ts'
import { lastRows, run, type Gpt2 } from './model.ts'

/** The result of one pass forward and back. */
export interface HookGradients {
  /** The number asked for, of each text. */
  readonly logits: readonly number[]
  /** By hook, as it was after the table's own hooks; rows of all texts. */
  readonly activations: ReadonlyMap<string, Tensor>
  /** Of each text's number by its own rows: of the activations' shapes. */
  readonly gradients: ReadonlyMap<string, Tensor>
}

/**
 * How the number that `question` asks for, after each text's last token, changes with each number at the hooks `names`.
 * `hooks` run too, before the gradient is taken at their points; it ends where they upload a new tensor.
 * @throws whatever `run` throws, and if the backend has no backward rules
 */
export async function hookGradients(
  model: Gpt2,
  texts: readonly (readonly number[])[],
  question: LogitQuestion,
  names: readonly string[],
  hooks: HookTable = {},
): Promise<HookGradients> {
  return record(model.ops, async (tape) => {
    const seen = new Map<string, DeviceTensor>()
    const activations = new Map<string, Tensor>()
    const watch =
      (name: string): Hook =>
      async (x) => {
        seen.set(name, x)
        activations.set(name, await tape.download(x))
      }
    const rows: Tensor[] = []
    let last: DeviceTensor | undefined
    const table: Record<string, HookTable[string]> = { ...hooks }
    for (const name of names) table[name] = [hooks[name] ?? [], watch(name)].flat()
    table.logits = [
      table.logits ?? [],
      async (x: DeviceTensor) => {
        last = await tape.takeRows(x, lastRows(texts))
        rows.push(await tape.download(last))
      },
    ].flat()
    await run({ ...model, ops: tape }, texts, table)
    const [logits] = rows
    const found = await tape.backward(last!, tape.upload(answerGradient(logits, question)), [
      ...seen.values(),
    ])
    const gradients = new Map<string, Tensor>()
    for (const [name, x] of seen) gradients.set(name, await tape.download(found.at(x)))
    return { logits: texts.map((_, text) => answerOf(logits.row(text), question)), activations, gradients }
  })
}

/** How the number asked for changes with each logit. logits [texts, dVocab] -> the same */
function answerGradient({ shape }: Tensor, { target, against }: LogitQuestion): Tensor {
  const gradient = Tensor.zeros(shape)
  for (let text = 0; text < shape[0]; text++) {
    const row = gradient.row(text)
    if (against === 'mean') row.fill(-1 / row.length)
    if (typeof against === 'number') row[against] -= 1
    row[target] += 1
  }
  return gradient
}
