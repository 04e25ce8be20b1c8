// What edits of the stream do to the predictions: loss, KL divergence and flips.
import { Tensor } from '../../engine/tensor.ts'
import type { HookTable } from '../../gpt2/hooks.ts'
import { run, type Gpt2 } from '../../gpt2/model.ts'
import { batches } from '../lab/models/features.ts'
import type { Effect } from './effects.ts'
import { addDirection, type Edit } from '../../sae/edit.ts'

export interface Measured {
  /** The loss of each text without an edit, summed over its predictions, nats. */
  readonly clean: readonly number[]
  /** A list an edit, in it one effect a text, summed over its tokens. */
  readonly effects: readonly (readonly Effect[])[]
}

/** The next token's distribution that a row of logits stands for. */
export interface Prediction {
  readonly logits: Float32Array
  readonly probabilities: Float32Array
  readonly logTotal: number
  readonly top: number
}

const UNTOUCHED: Effect = { loss: 0, kl: 0, flips: 0 }

/**
 * Runs every edit on every text that it changes: each text's tokens after an edit can only differ where the edit
 * is not 0, so the other texts are spared the pass. Holds the logits of one batch of texts, and those of one edit.
 * texts: ids with BOS. @param onEdit called after each edit of each batch with the texts times edits done so far, and awaited
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
  for (const batch of batches(texts.map((ids, text) => ({ text, ids, length: ids.length })))) {
    const predictions = await predict(model, batch)
    for (const [i, { text, ids }] of batch.entries()) clean[text] = lossOf(predictions[i], ids)
    for (const [edit, { hook, direction, coefficients }] of edits.entries()) {
      const touched = batch.filter(({ text }) => coefficients[text].some((value) => value !== 0))
      if (touched.length > 0) {
        const joined = Float32Array.from(touched.flatMap(({ text }) => Array.from(coefficients[text])))
        const logits = await logitsOf(model, touched, { [hook]: addDirection(joined, direction) })
        for (const [i, { text, ids }] of touched.entries())
          effects[edit][text] = compare(predictions[batch.indexOf(touched[i])], logits[i], ids)
      }
      await onEdit((done += batch.length))
    }
  }
  return { clean, effects }
}

interface BatchText {
  readonly text: number
  readonly ids: readonly number[]
}

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

/** logits [dVocab], one token's */
export function predictionOf(logits: Float32Array): Prediction {
  const top = topOf(logits)
  let total = 0 // of the exponentials before they are rounded to float32
  const probabilities = logits.map((logit) => {
    const exponential = Math.exp(logit - logits[top])
    total += exponential
    return exponential
  })
  for (let id = 0; id < probabilities.length; id++) probabilities[id] /= total
  return { logits, probabilities, logTotal: logits[top] + Math.log(total), top }
}

/** The most probable token; a tie goes to the lower id. */
function topOf(logits: Float32Array): number {
  let top = 0
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[top]) top = id
  return top
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

/**
 * KL(clean || edited) in nats: the sum of p (log p - log q), where log p - log q = (a - log Z_a) - (b - log Z_b) of the
 * logits a and b. At least 0, which rounding may miss.
 */
export function divergence(clean: Prediction, edited: Float32Array) {
  const top = topOf(edited)
  let total = 0
  let difference = 0
  for (let id = 0; id < edited.length; id++) {
    total += Math.exp(edited[id] - edited[top])
    difference += clean.probabilities[id] * (clean.logits[id] - edited[id])
  }
  const logTotal = edited[top] + Math.log(total)
  return { logTotal, kl: Math.max(0, difference + logTotal - clean.logTotal), flipped: top !== clean.top }
}
