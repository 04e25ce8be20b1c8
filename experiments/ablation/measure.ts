// What edits of the stream do to the predictions: loss, KL divergence and flips.
import { Tensor } from '../../engine/tensor.ts'
import { divergence, predictionOf, type Prediction } from '../../gpt2/divergence.ts'
import type { HookTable } from '../../gpt2/hooks.ts'
import { run, type Gpt2 } from '../../gpt2/model.ts'
import { batches } from '../lab/models/features.ts'
import { windowsOf, type Window } from '../lab/models/windows.ts'
import type { Effect } from './effects.ts'
import { addDirection, type Edit } from '../../sae/edit.ts'

export interface Measured {
  /** The loss of each text without an edit, summed over its predictions, nats. */
  readonly clean: readonly number[]
  /** A list an edit, in it one effect a text, summed over its tokens. */
  readonly effects: readonly (readonly Effect[])[]
}

const UNTOUCHED: Effect = { loss: 0, kl: 0, flips: 0 }

/**
 * Runs every edit on every text that it changes: each text's tokens after an edit can only differ where the edit
 * is not 0, so the other texts are spared the pass. Holds the logits of one batch of texts, and those of one edit.
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
    const predictions = await predict(model, batch)
    for (const [i, { text, ids }] of batch.entries()) clean[text] += lossOf(predictions[i], ids)
    for (const [edit, { hook, direction, coefficients }] of edits.entries()) {
      const touched = batch.flatMap((window, i) => {
        const own = coefficientsIn(window, coefficients[window.text])
        return own.some((value) => value !== 0) ? [{ ...window, own, clean: predictions[i] }] : []
      })
      if (touched.length > 0) {
        const joined = Float32Array.from(touched.flatMap(({ own }) => Array.from(own)))
        const logits = await logitsOf(model, touched, { [hook]: addDirection(joined, direction) })
        for (const [i, { text, ids, clean }] of touched.entries())
          effects[edit][text] = sumOf(effects[edit][text], compare(clean, logits[i], ids))
      }
      await onEdit((done += batch.filter(({ last }) => last).length))
    }
  }
  return { clean, effects }
}

/** Those of a window's tokens, of a text's; a later window's BOS is no token of the text and is not edited. */
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

type BatchText = Pick<Window, 'ids'>

async function predict(model: Gpt2, batch: readonly BatchText[]): Promise<Prediction[][]> {
  const logits = await logitsOf(model, batch, {})
  return logits.map((rows) => Array.from({ length: rows.shape[0] }, (_, t) => predictionOf(rows.row(t))))
}

/** Each text's logits [tokens, dVocab]: views of one tensor. */
async function logitsOf(model: Gpt2, batch: readonly BatchText[], hooks: HookTable): Promise<Tensor[]> {
  const texts = batch.map(({ ids }) => ids)
  let logits = Tensor.zeros([0, model.config.dVocab])
  await run(model, texts, { ...hooks, logits: async (x, ops) => void (logits = await ops.download(x)) })
  let row = 0
  return texts.map(({ length }) => logits.rows(row, (row += length)))
}

/** Sum of -log p(next token), over every prediction but the last, which has no answer. */
function lossOf(predictions: readonly Prediction[], ids: readonly number[]): number {
  let loss = 0
  for (let t = 0; t + 1 < ids.length; t++) loss += predictions[t].logTotal - predictions[t].logits[ids[t + 1]]
  return loss
}

/** edited: logits [tokens, dVocab] of the same text. BOS is skipped: nothing before it was edited. */
function compare(clean: readonly Prediction[], edited: Tensor, ids: readonly number[]): Effect {
  const effect = { loss: 0, kl: 0, flips: 0 }
  for (let t = 1; t < ids.length; t++) {
    const logits = edited.row(t)
    const { logTotal, kl, flipped } = divergence(clean[t], logits)
    effect.kl += kl
    effect.flips += flipped ? 1 : 0
    if (t + 1 === ids.length) continue
    const next = ids[t + 1]
    effect.loss += logTotal - logits[next] - (clean[t].logTotal - clean[t].logits[next])
  }
  return effect
}
