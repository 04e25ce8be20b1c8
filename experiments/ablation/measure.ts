// What edits of the stream do to the predictions: loss, KL divergence and flips.
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { run, type Gpt2 } from '../../gpt2/model.ts'
import { batches } from '../lab/models/features.ts'
import { windowsOf, type Window } from '../lab/models/windows.ts'
import type { Effect } from './effects.ts'
import { addDirection, type Edit } from '../../sae/edit.ts'

export interface Measured {
  /** The loss of each text without an edit, summed over its predictions, nats. */
  readonly clean: readonly number[]
  /** One list per edit, in it one effect per text, summed over its tokens. */
  readonly effects: readonly (readonly Effect[])[]
}

const UNTOUCHED: Effect = { loss: 0, kl: 0, flips: 0 }

/**
 * Runs every edit on every text that it changes: each text's tokens after an edit can only differ where the edit
 * is not 0, so other texts need no pass. The logits of one batch of texts, and those of one edit, stay on
 * the backend.
 * texts: ids with BOS; one longer than the model's positions is read in windows.
 * @param onEdit called after each edit of each batch with the texts times edits done so far, and awaited
 */
export async function measureEdits(
  model: Gpt2,
  texts: readonly (readonly number[])[],
  edits: readonly Edit[],
  onEdit: (done: number) => void | Promise<void> = () => {},
): Promise<Measured> {
  const clean = texts.map(() => 0)
  const effects = edits.map(() => texts.map(() => UNTOUCHED))
  let done = 0
  const windows = texts.flatMap((ids, text) =>
    windowsOf(ids, model.config.nCtx).map((window) => ({ text, ...window })),
  )
  for (const batch of batches(windows)) {
    const measureBatch = async (logits: DeviceTensor, ops: Backend) => {
      const before = await readGuesses(ops, logits, batch)
      for (const [i, { text, length }] of batch.entries()) clean[text] += sum(before[i].losses, 0, length - 1)
      for (const [edit, { hook, direction, coefficients }] of edits.entries()) {
        const own = batch.map((window) => coefficientsIn(window, coefficients[window.text]))
        const touched = [...batch.keys()].filter((i) => own[i].some((value) => value !== 0))
        if (touched.length > 0) {
          const some = touched.map((i) => batch[i])
          const joined = Float32Array.from(touched.flatMap((i) => Array.from(own[i])))
          const compareAll = async (edited: DeviceTensor, ops: Backend) => {
            const same = await ops.takeRows(logits, rowsOf(batch, touched))
            const kl = (await ops.download(await ops.klDivergence(same, edited))).data
            const after = await readGuesses(ops, edited, some)
            let row = 0
            for (const [j, i] of touched.entries()) {
              const { text, length } = batch[i]
              const effect = compare(before[i], after[j], kl.subarray(row, (row += length)))
              effects[edit][text] = sumOf(effects[edit][text], effect)
            }
          }
          const ids = some.map(({ ids }) => ids)
          await run(model, ids, { [hook]: addDirection(joined, direction), logits: compareAll })
        }
        await onEdit((done += batch.filter(({ last }) => last).length))
      }
    }
    await run(
      model,
      batch.map(({ ids }) => ids),
      { logits: measureBatch },
    )
  }
  return { clean, effects }
}

/** Those of a window's tokens, of a text's; a later window's BOS is not a token of the text and is not edited. */
function coefficientsIn({ from, length }: Window, ofText: Float32Array): Float32Array {
  const own = ofText.slice(from - 1, from - 1 + length)
  if (from > 1) own[0] = 0
  return own
}

const sumOf = (a: Effect, b: Effect): Effect => ({
  loss: a.loss + b.loss,
  kl: a.kl + b.kl,
  flips: a.flips + b.flips,
})

type BatchText = Pick<Window, 'ids' | 'length'>

/** What a text's logits say, one number per token: how unexpected the next token was (nothing, of the last), and the likeliest. */
interface Guesses {
  readonly losses: Float32Array
  readonly likeliest: readonly number[]
}

/** logits [tokens, dVocab] of all texts of a batch, laid end to end -> each text's */
async function readGuesses(
  ops: Backend,
  logits: DeviceTensor,
  batch: readonly BatchText[],
): Promise<Guesses[]> {
  const next = batch.flatMap(({ ids }) => [...ids.slice(1), 0])
  const losses = (await ops.download(await ops.crossEntropy(logits, next))).data
  const likeliest = (await ops.topK(logits, 1)).map(({ indices }) => indices[0])
  let row = 0
  return batch.map(({ length }) => {
    const [from, to] = [row, (row += length)]
    return { losses: losses.subarray(from, to), likeliest: likeliest.slice(from, to) }
  })
}

/** The rows of some texts of a batch, which lie end to end. */
function rowsOf(batch: readonly BatchText[], some: readonly number[]): number[] {
  let end = 0
  const rows = batch.map(({ length }) => {
    const first = end
    end += length
    return Array.from({ length }, (_, i) => first + i)
  })
  return some.flatMap((i) => rows[i])
}

/** kl: each token's. BOS is skipped: nothing before it was edited. */
function compare(before: Guesses, after: Guesses, kl: Float32Array): Effect {
  const answered = kl.length - 1
  return {
    loss: sum(after.losses, 1, answered) - sum(before.losses, 1, answered),
    kl: sum(kl, 1, kl.length),
    flips: after.likeliest.filter((id, t) => t > 0 && id !== before.likeliest[t]).length,
  }
}

/** The sum of numbers from `first` to `last` (exclusive), in float64. */
function sum(numbers: Float32Array, first: number, last: number): number {
  let total = 0
  for (let i = first; i < last; i++) total += numbers[i]
  return total
}
