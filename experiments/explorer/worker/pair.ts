// Two texts read beside each other: all of the other one, and how far apart the logits of both are.
import { capture } from '../../../gpt2/model.ts'
import { align, matched } from '../align.ts'
import type { LogitPair, Pair, PairLogits } from '../protocol.ts'
import type { Model } from './model.ts'
import { runText } from './run-text.ts'
import { tokenize } from './tokens.ts'

/** How many are kept per pair of tokens: of the likeliest after each, of those raised most and of those lowered most. */
const KEPT = 6

/**
 * @param giveWay awaited between layers
 * @throws Fault for a text that is too long; whatever `giveWay` throws
 */
export async function readPair(
  model: Model,
  { text, other }: { text: string; other: string },
  giveWay: () => Promise<void>,
): Promise<Pair> {
  const [ids, otherIds] = [tokenize(model, text), tokenize(model, other)]
  const run = await runText(model, { text: other, edit: [] }, giveWay)
  const [a, b] = [await logitsOf(model, ids), await logitsOf(model, otherIds)]
  await giveWay()
  const logits = matched(align(ids, otherIds)).map((column) => apart(a.row(column.text), b.row(column.other)))
  const named = logits.flatMap(({ likely, moved }) => [...likely, ...moved])
  return { run, logits, names: new Map(named.map(({ id }) => [id, model.nameOf(id)])) }
}

/** [tokens, dVocab] */
async function logitsOf({ gpt2 }: Model, ids: readonly number[]) {
  return (await capture(gpt2, [ids], ['logits'])).get('logits')!
}

/** text, other: [dVocab] */
function apart(text: Float32Array, other: Float32Array): PairLogits {
  const rise = text.map((logit, id) => other[id] - logit)
  const fall = rise.map((value) => -value)
  const pair = (id: number): LogitPair => ({ id, text: text[id], other: other[id] })
  return {
    likely: [...new Set([...largest(text), ...largest(other)])].map(pair),
    moved: [...largest(rise), ...largest(fall)].map(pair),
  }
}

/** The places of the largest, largest first. */
function largest(values: Float32Array): number[] {
  const found: number[] = []
  for (let id = 0; id < values.length; id++) {
    if (found.length === KEPT && values[id] <= values[found[KEPT - 1]]) continue
    const at = found.findIndex((kept) => values[kept] < values[id])
    found.splice(at < 0 ? found.length : at, 0, id)
    found.length = Math.min(found.length, KEPT)
  }
  return found
}
