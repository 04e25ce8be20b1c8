// Streams of many texts, and the features that an SAE finds in them.
import type { Backend } from '../../../engine/backend.ts'
import { stackRows, type SparseRows } from '../../../engine/sparse.ts'
import { sizeOf, Tensor } from '../../../engine/tensor.ts'
import { capture, type Gpt2 } from '../../../gpt2/model.ts'
import { encode } from '../../../sae/encoder.ts'
import type { Sae } from '../../../sae/weights.ts'
import { windowsOf } from './windows.ts'

/** How many tokens go through the model, or an SAE, at once. */
export const BATCH_TOKENS = 512

/** Cuts texts into runs of whole texts of at most `BATCH_TOKENS` tokens (or one longer text). */
export function batches<T extends { readonly length: number }>(texts: readonly T[]): T[][] {
  const all: T[][] = []
  let size = 0
  for (const text of texts) {
    if (all.length === 0 || size + text.length > BATCH_TOKENS) {
      all.push([])
      size = 0
    }
    all[all.length - 1].push(text)
    size += text.length
  }
  return all
}

/**
 * The stream at each of `hooks` for all texts, or any other activation with one row per token. One forward pass serves
 * all hooks, and it stops at the deepest. A text longer than the model's context goes through it in windows; only the text
 * itself begins with a row for BOS. texts: ids with BOS. -> one tensor [sum of lengths, ...] per hook
 */
export async function captureStreams(
  model: Gpt2,
  texts: readonly (readonly number[])[],
  hooks: readonly string[],
  onTexts: (done: number) => void = () => {},
): Promise<Map<string, Tensor>> {
  const tokens = texts.reduce((sum, text) => sum + text.length, 0)
  const streams = new Map<string, Tensor>()
  let row = 0
  let done = 0
  for (const batch of batches(texts.flatMap((ids) => windowsOf(ids, model.config.nCtx)))) {
    const captured = await capture(
      model,
      batch.map(({ ids }) => ids),
      hooks,
    )
    await eventsHandled()
    let from = 0
    for (const window of batch) {
      const to = from + window.length
      if (window.from > 1) from++ // BOS
      for (const [hook, part] of captured) {
        const [, ...rest] = part.shape
        const size = sizeOf(rest)
        if (!streams.has(hook)) streams.set(hook, Tensor.zeros([tokens, ...rest]))
        streams.get(hook)!.data.set(part.data.subarray(from * size, to * size), row * size)
      }
      row += to - from
      from = to
      if (window.last) done++
    }
    onTexts(done)
  }
  return streams
}

/**
 * Gives Ctrl-C, timers and the page their turn, which awaiting ops alone never does. A message arrives within microseconds, in
 * Node and in a browser; a timer takes a millisecond, longer than a small SAE.
 */
export function eventsHandled(): Promise<void> {
  const { port1, port2 } = new MessageChannel()
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

/** The features of a whole stream [tokens, d_in] from an SAE's hook. -> sparse [tokens, d_sae] */
export async function encodeStream(ops: Backend, sae: Sae, stream: Tensor): Promise<SparseRows> {
  const parts: SparseRows[] = []
  for (let row = 0; row < stream.shape[0]; row += BATCH_TOKENS)
    await ops.scope(async (ops) => {
      const x = ops.upload(stream.rows(row, Math.min(row + BATCH_TOKENS, stream.shape[0])))
      parts.push(await encode(ops, sae, x))
      await eventsHandled()
    })
  return stackRows(parts, sae.config.dSae)
}

/** One feature's activations: one list per text, one number per token, BOS first and always 0. */
export type FeatureColumn = readonly Float32Array[]

/**
 * Picks some of the features. features: sparse [sum of lengths, d_sae], the texts end to end; lengths include BOS, whose
 * activations are dropped. -> one column for each of `wanted`
 */
export function featureColumns(
  features: SparseRows,
  lengths: readonly number[],
  wanted: Iterable<number>,
): Map<number, FeatureColumn> {
  const columns = new Map(
    [...wanted].map((feature) => [feature, lengths.map((length) => new Float32Array(length))]),
  )
  let row = 0
  for (const [text, length] of lengths.entries())
    for (let token = 0; token < length; token++, row++)
      for (let entry = features.offsets[row]; token > 0 && entry < features.offsets[row + 1]; entry++) {
        const column = columns.get(features.indices[entry])
        if (column) column[text][token] = features.values[entry]
      }
  return columns
}
